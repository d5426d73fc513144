/** Words before (or after) which a name stands, also in small letters. English, German, French, Spanish. */
import { CueTable } from '../linear/cues.ts';
import { hashWord } from '../linear/words.ts';

export const TITLE = 0;
export const INTRODUCTION = 1;
export const KIN = 2;
export const RECORD = 3;
export const GREETING = 4;
export const NAMED = 5;

/** A set of words to ask for by hash. */
export const hashes = (words: string): ReadonlySet<number> => new Set(words.split(',').map(hashWord));

export const NAME_CUES = new CueTable([
  'mr,mrs,ms,miss,mister,dr,prof,professor,sir,madam,herr,frau,hr,fr,monsieur,madame,mademoiselle,mme,mlle,senor,senora,senorita,sr,sra,srta,don,dona,signor,signora,sig,mevrouw,meneer,pan,pani,nurse,uncle,aunt,auntie,judge,officer,sergeant,captain,detective,father,sister,brother,rev,reverend,onkel,tante,oncle,tio,tia',
  'name is,your name,maiden name,call me,calls me,call her,call him,named him,named her,heisse,heisst,heissen,name ist,appelle,nom est,prenom est,llamo,llama,nombre es,mi nombre,nee,goes by,surname is,name was,chiamo,nazywam',
  'son,daughter,wife,husband,mom,mum,mother,dad,kid,child,nephew,niece,cousin,grandmother,grandfather,grandma,grandpa,girlfriend,boyfriend,fiance,fiancee,partner,neighbour,neighbor,roommate,friend,colleague,coworker,boss,sohn,tochter,ehefrau,ehemann,bruder,schwester,mutter,vater,freund,freundin,kollege,kollegin,nachbar,fils,fille,femme,mari,frere,soeur,mere,pere,ami,amie,collegue,hijo,hija,esposa,esposo,hermano,hermana,madre,padre,amigo,amiga,vecino,vecina',
  'patient,pt,client,customer,employee,applicant,candidate,student,tenant,landlord,beneficiary,payee,passenger,guest,member,insured,cardholder,claimant,witness,plaintiff,defendant,suspect,attendee,assignee,patientin,kunde,kundin,mitarbeiter,mitarbeiterin,bewerber,bewerberin,mieter,versicherter,cliente,employe,locataire,candidat,paciente,empleado,empleada,inquilino,fullname,firstname,lastname,surname,full name,first name,last name,nom,prenom,nombre,apellido,apellidos,nachname,vorname',
  'dear,hi,hello,hey,thanks,regards,cheers,sincerely,best,cc,attn,signed,liebe,lieber,hallo,grusse,geehrter,geehrte,cher,chere,bonjour,salut,cordialement,querido,querida,hola,estimado,estimada,saludos,beste,ciao,gentile',
  'named,called,known as,name',
]);

/** Titles that are never part of a name. */
export const TITLES = hashes(
  'mr,mrs,ms,miss,mister,dr,prof,professor,herr,frau,monsieur,madame,mademoiselle,mme,mlle,senor,senora,senorita,sra,srta,mevrouw,meneer',
);
/** Who speaks stands next to them. */
export const SPEECH = hashes(
  'says,said,asks,asked,adds,added,replied,replies,wrote,writes,told,explained,sagt,sagte,schrieb,dit,ecrit,dice,dijo,escribio',
);
/** After a small name that begins a line: `anna is late`. */
export const VERBS = hashes(
  'is,was,has,had,says,said,can,will,does,did,works,lives,wants,needs,left,came,went,told,asked,called,ist,war,hat,est,etait,es,era',
);
/** Small words inside a name. */
export const PARTICLES = hashes(
  'van,von,der,den,de,del,della,di,da,dos,das,du,la,le,los,bin,bint,ibn,al,el,ben,ter,ten,zu,zum,af,y,e,st,mac,mc,ap,abu,san,santa',
);
/** Spoken or written after a name. */
export const SUFFIXES = hashes('jr,sr,ii,iii,iv,phd,md,dds,esq,dvm,mba');
