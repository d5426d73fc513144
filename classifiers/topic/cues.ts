/**
 * Words that speak for a confidential subject. `strong` words are seldom used outside it; `weak` ones count only in
 * company. English, then German, French, Spanish, Chinese; what is common to two subjects stands where it decides more.
 */
import { CueTable } from '../linear/cues.ts';

export const TOPICS = ['health', 'finance', 'hr', 'legal', 'strategy', 'internal-code', 'personal-data'] as const;
export type Topic = (typeof TOPICS)[number];

const CUES: Readonly<Record<Topic, { readonly strong: string; readonly weak: string }>> = {
  health: {
    strong:
      'patient,patients,diagnosed,diagnosis,diagnoses,prognosis,mrn,chemotherapy,radiotherapy,oncology,oncologist,cardiologist,psychiatrist,hiv,aids,biopsy,carcinoma,lymphoma,leukemia,tumor,tumour,metastatic,hypertension,hypertensive,diabetes,diabetic,asthma,copd,epilepsy,schizophrenia,bipolar,dementia,alzheimer,alzheimers,parkinson,parkinsons,arthritis,hepatitis,pneumonia,sepsis,stroke,fibrillation,infarction,anticoagulation,insulin,metformin,lisinopril,atorvastatin,warfarin,prednisone,amoxicillin,antidepressant,ssri,antibiotic,antibiotics,dosage,dosing,prescribed,prescription,contraindicated,contraindications,comorbidities,inpatient,outpatient,hospitalized,hospitalised,discharged from,discharge summary,admitted to,medical record,medical records,medical history,health record,health records,clinical notes,pregnant,pregnancy,miscarriage,ivf,gynecologist,pediatric,paediatric,hba1c,ecg,ekg,mri,ct scan,x ray,blood pressure,heart failure,lab results,test results,side effects,rheumatoid,crohn,crohns,copay,icd,yo male,yo female,year old,patientin,diagnose,diagnostiziert,krankheit,krankenakte,befund,arztbrief,medikament,medikamente,krebs,bluthochdruck,schwanger,schwangerschaft,krankenhaus,patiente,diagnostique,maladie,ordonnance,dossier medical,hypertension arterielle,enceinte,grossesse,hopital,paciente,pacientes,diagnosticado,diagnosticada,enfermedad,receta medica,historia clinica,embarazo,embarazada,quimioterapia,患者,病历,诊断,病人,处方,癌症,糖尿,症状',
    weak: 'symptom,symptoms,treatment,therapy,treated,doctor,physician,nurse,clinic,hospital,surgery,surgical,disease,disorder,syndrome,chronic,acute,cancer,pain,allergy,allergic,medication,medications,meds,drug,dose,mg,vaccine,vaccinated,infection,infected,depression,anxiety,adhd,autism,disability,therapist,counseling,rehab,addiction,alcoholism,overdose,blood,urine,fever,cough,nausea,vomiting,fracture,injury,injured,insurance,insurer,medicare,medicaid,clinical,followup,follow up,hx,pt,dx,rx,tx,arzt,arztin,praxis,behandlung,therapie,symptome,schmerzen,operation,klinik,medecin,medicament,traitement,douleur,douleurs,clinique,medico,medica,tratamiento,dolor,cirugia,sintomas,医院,医生,治疗,手术',
  },
  finance: {
    strong:
      'iban,bic,bank account,account number,routing number,sort code,credit card,debit card,card number,wire transfer,credit score,tax return,tax returns,net worth,mortgage,foreclosure,bankruptcy,insolvent,creditor,creditors,beneficiary,payee,overdraft,bank statement,bank statements,bank details,loan application,account balance,account holder,income tax,chargeback,refinance,kontonummer,bankverbindung,kontostand,uberweisung,kontoauszug,steuererklarung,kreditkarte,hypothek,darlehen,releve bancaire,compte bancaire,virement,carte bancaire,hypotheque,impots,cuenta bancaria,transferencia bancaria,tarjeta,hipoteca,declaracion,银行,账户,账号,信用,转账,贷款,税务',
    weak: 'account,accounts,payment,payments,invoice,invoices,loan,loans,debt,debts,balance,deposit,withdrawal,transfer,transaction,transactions,billing,refund,owed,owes,overdue,interest,savings,checking,investment,investments,portfolio,broker,brokerage,pension,income,tax,taxes,irs,audit,bank,card,konto,rechnung,zahlung,zinsen,schulden,steuer,einkommen,compte,facture,paiement,dette,revenu,cuenta,factura,pago,deuda,ingresos,付款,发票,收入',
  },
  hr: {
    strong:
      'salary,salaries,payroll,payslip,paystub,severance,performance review,performance reviews,performance improvement,disciplinary,terminate employment,employment contract,employee record,employee records,personnel file,personnel files,layoff,layoffs,laid off,wrongful dismissal,harassment complaint,grievance,maternity leave,paternity leave,sick leave,parental leave,background check,offer letter,exit interview,resignation letter,candidate feedback,promotion committee,compensation package,employee id,headcount reduction,gehalt,gehalter,gehaltsabrechnung,lohnabrechnung,kundigung,kundigen,personalakte,abmahnung,arbeitsvertrag,krankschreibung,elternzeit,mitarbeitergesprach,salaire,fiche paie,bulletin,licenciement,conge maternite,contrat travail,entretien annuel,salario,nomina,despido,baja medica,contrato laboral,人事,薪资,工资,解雇,绩效,离职',
    weak: 'employee,employees,hr,manager,supervisor,hired,hire,hiring,fired,termination,terminated,resigned,resignation,promotion,promoted,bonus,raise,compensation,probation,onboarding,candidate,candidates,applicant,recruiter,interview,resume,cv,colleague,misconduct,complaint,harassment,underperforming,workplace,overtime,absence,warning,mitarbeiter,mitarbeiterin,bewerber,bewerberin,vorgesetzter,bewerbung,employe,embauche,candidat,prime,empleado,empleada,candidato,candidata,员工,招聘,候选',
  },
  legal: {
    strong:
      'attorney,attorneys,plaintiff,defendant,lawsuit,litigation,settlement agreement,nda,non disclosure,indemnification,subpoena,deposition transcript,attorney client,legal advice,legal counsel,breach of,cease desist,arbitration,custody,divorce,prenuptial,felony,misdemeanor,indictment,indicted,probate,power of,restraining order,criminal record,criminal charges,whistleblower,rechtsanwalt,rechtsanwaltin,klager,klage,gericht,scheidung,sorgerecht,strafanzeige,vergleich,geheimhaltung,avocat,avocate,tribunal,plainte,garde alternee,litige,abogado,abogada,demanda,demandado,juicio,divorcio,custodia,律师,诉讼,法院,离婚,合同',
    weak: 'lawyer,court,judge,contract,contracts,clause,agreement,liability,damages,settlement,sued,suing,claim,claims,verdict,trial,appeal,arrest,arrested,police,evidence,testimony,witness,compliance,regulator,patent,patents,trademark,copyright,vertrag,haftung,anwalt,zeuge,contrat,juge,preuve,contrato,juez,testigo,专利,法律,协议',
  },
  strategy: {
    strong:
      'confidential,confidentiality,trade secret,trade secrets,unreleased,unannounced,unpublished,acquisition target,merger,mergers,term sheet,due diligence,board deck,board meeting,earnings call,not public,non public,insider,embargo,embargoed,product roadmap,internal roadmap,strategic plan,pricing strategy,our roadmap,our strategy,our revenue,our margins,our forecast,our competitors,our customers,our acquisition,proprietary,strictly private,internal only,internal use,company secret,vertraulich,streng geheim,geschaftsgeheimnis,ubernahme,fusion,betriebsgeheimnis,confidentiel,confidentielle,acquisition confidentielle,secret affaires,fusion acquisition,confidencial,secreto comercial,adquisicion,商业,机密,保密,收购,并购,战略',
    weak: 'internal,acquisition,roadmap,forecast,revenue,margin,margins,investor,investors,fundraising,valuation,board,executive,stakeholders,launch,competitor,competitors,pipeline,quarterly,q1,q2,q3,q4,budget,strategy,strategic,leadership,intern,umsatz,strategie,vorstand,interne,chiffre,strategique,interno,interna,ingresos trimestrales,estrategia,内部,公司,预算,财务',
  },
  'internal-code': {
    strong:
      'our codebase,our repository,our repo,our monorepo,internal api,internal apis,internal library,internal service,internal tool,internal tools,internal repository,proprietary code,proprietary algorithm,source confidential,all rights,company confidential,our backend,our infrastructure,our production,our database,our firmware,our source,our proprietary,our kubernetes,our deployment,our internal,production database,production credentials,production cluster,unser quellcode,unsere codebasis,unserer codebasis,internes repository,interne schnittstelle,notre code,notre depot,notre base,nuestro codigo,nuestro repositorio,nuestra base,源码,源代',
    weak: 'codebase,monorepo,repository,repo,staging,production,deployment,microservice,firmware,config,configuration,credentials,infrastructure,cluster,vpn,jdbc,schema,licensed,distribution,rights,reserved,unauthorized,quellcode,depot,codigo,代码',
  },
  'personal-data': {
    strong:
      'personal data,personal information,personally identifiable,pii,gdpr request,social security,passport number,passport numbers,date birth,home address,home addresses,contact details,contact information,data subject,personenbezogene,personalausweis,donnees personnelles,numero securite,datos personales,身份,隐私',
    weak: 'gdpr,hipaa,ccpa,privacy,dsgvo,rgpd,ssn,passport,birthdate,dob,anonymize,anonymise,pseudonymize',
  },
};

/** Group of a cue is twice its topic's index, plus one when it is strong. */
export const TOPIC_CUES = new CueTable(TOPICS.flatMap((topic) => [CUES[topic].weak, CUES[topic].strong]));
