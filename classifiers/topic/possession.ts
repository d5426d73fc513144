/**
 * possessionScores reads what is someone's own: "our … code", "internal … notes", "customer … export". The same words
 * apart (`a customer`, `export the list`) say nothing; an owner shortly before a thing does.
 */
import { CueTable } from '../linear/cues.ts';
import type { WordList } from '../skim/word-list.ts';

const KINDS = {
  owner:
    "our,internal,private,proprietary,company's,confidential,unpublished,unreleased,in house,unser,unsere,unserem,unseren,unserer,interne,internen,internes,notre,nos,interne,nuestro,nuestra,nuestros,nuestras,interno,interna,我们,内部,公司,专有,私有",
  person:
    'customer,customers,employee,employees,client,clients,applicant,applicants,candidate,patient,patients,user,users,subscriber,subscribers,tenant,tenants,member,members,kunden,mitarbeiter,patienten,nutzer,bewerber,clients,employes,salaries,clientes,empleados,客户,员工,用户,患者',
  code: 'code,codebase,repo,repository,module,function,service,api,pipeline,firmware,algorithm,algorithms,engine,implementation,script,schema,backend,quellcode,dienst,depot,servicio,codigo,代码,模块,仓库,算法,引擎',
  document:
    'document,documents,documentation,notes,memo,minutes,runbook,report,reports,roadmap,strategy,pricing,forecast,budget,plan,contract,patent,invention,paper,financials,financial,investor,acquisition,postmortem,incident,meeting,playbook,terms,architecture,topology,infrastructure,dokument,bericht,protokoll,strategie,vertrag,rapport,compte rendu,documento,informe,acta,estrategia,文档,会议,报告,记录,战略,定价,专利,拓扑,架构',
  records:
    'list,records,record,data,dataset,export,directory,database,table,spreadsheet,csv,crm,feedback,survey,contacts,contact,identifiers,tickets,history,emails,addresses,names,phone,liste,daten,datensatz,export,tabelle,donnees,fichier,lista,datos,registro,数据,信息,名单,表格,邮箱,手机,工单',
} as const;

const NAMES = Object.keys(KINDS) as readonly (keyof typeof KINDS)[];
const seen = new Set<string>();
// A word may stand in one kind only; the first keeps it.
export const POSSESSION_CUES = new CueTable(
  NAMES.map((name) =>
    KINDS[name]
      .split(',')
      .filter((word) => !seen.has(word) && seen.add(word))
      .join(','),
  ),
);
const [OWNER, PERSON, CODE, DOCUMENT, RECORDS] = [0, 1, 2, 3, 4] as const;

/** Words between an owner and its thing: adjectives, seldom more. */
const NEAR = 5;

export interface Possessions {
  readonly code: number;
  readonly document: number;
  readonly records: number;
}

/** Evidence in cues' units: 1.1 alone reaches 0.5; a second, different pair adds half. */
export function possessions(words: WordList): Possessions {
  let owner = -NEAR * 2;
  let person = -NEAR * 2;
  const found = new Float64Array(NAMES.length);
  for (let index = 0; index < words.cueCount; index += 1) {
    const at = words.cues[index] as number;
    const hash = words.hash[at] as number;
    const single = POSSESSION_CUES.single(hash);
    const kind =
      single >= 0 || at + 1 >= words.count ? single : POSSESSION_CUES.pair(hash, words.hash[at + 1] as number);
    if (kind < 0) continue;
    if (kind === OWNER) owner = at;
    else if (kind === PERSON) person = at;
    else if (kind === RECORDS && at - person <= NEAR) found[RECORDS] = (found[RECORDS] as number) + 1;
    else if (at - owner <= NEAR) found[kind] = (found[kind] as number) + 1;
  }
  const weigh = (count: number): number => (count === 0 ? 0 : 1.1 + 0.4 * Math.min(3, count - 1));
  return {
    code: weigh(found[CODE] as number),
    document: weigh(found[DOCUMENT] as number),
    records: weigh(found[RECORDS] as number),
  };
}
