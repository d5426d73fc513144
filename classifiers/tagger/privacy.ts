/**
 * privacyOf weighs how far a mention points at one private person. Two entities come of it: PERSON, a quasi-identifier
 * that needs company to count, and PRIVATE_PERSON, a name that identifies by itself: first and last name, a titled
 * surname, a name given in an introduction, record or family relation. The well-known, and names in exercises and
 * stories, are damped. Weights are hand-set in steps of a hundredth; each that acted is a step of the explanation.
 */
import { toScore } from '../finding.ts';
import type { ScoreStep } from '../finding.ts';
import { CueTable } from '../linear/cues.ts';
import { hashWord, SHAPE } from '../linear/words.ts';
import { cueBefore } from './candidates.ts';
import { GREETING, hashes, INTRODUCTION, KIN, NAMED, RECORD, SPEECH, TITLE } from './cues.ts';
import type { Frame } from './frame.ts';
import { isPublicName, isPublicWord, KNOWN } from './gazetteer.ts';
import type { Mention } from './mentions.ts';
import type { Tokens } from './tokens.ts';
import { GAP } from './tokens.ts';

export type NameForm = 'full-name' | 'name-and-initial' | 'title-and-name' | 'lone-name';

export interface Weighing {
  readonly form: NameForm;
  /** In [0, 1]: from 0.5 the name counts as a private person's. */
  readonly score: number;
  /** How it came about, the last step at `score`. */
  readonly steps: readonly ScoreStep[];
  readonly isRaised: boolean;
  readonly isDamped: boolean;
}

const PERSONAL = new CueTable([
  'person,guy,lady,my,his,her,their,our,he,she,him,born,birthday,maiden,married,divorced,daughter,son,kid,kids,child,children,baby,wife,husband,mother,father,brother,sister,boss,neighbour,neighbor,friend,lives,live,lived,address,phone,email,mobile,number,contact,call,meet,met,moved,works,worked,salary,hired,fired,employee,manager,account,customer,client,patient,diagnosed,treated,doctor,hospital,clinic,appointment,visit,passport,insurance,policy,invoice,beneficiary,will,lawyer,tenant,student,teacher,colleague,meeting,invited,signed,speak,please,said,says,told,years old,year old,wohnt,geboren,meine,mein,sein,seine,ihre,kollegin,kollege,patientin,habite,ne le,mon,ma,sa,vive,nacido,nacida,mi,su,trabaja,travaille,arbeitet',
]);
const BUSINESS = new CueTable([
  'customer,client,invoice,invoices,refund,reimbursement,account,contract,lease,tenant,landlord,employee,employer,colleague,applicant,candidate,payroll,salary,hr,manager,supervisor,appointment,meeting,reply,email,mail,letter,phone,call,address,passport,insurance,policy,claim,complaint,ticket,request,subscription,order,delivery,patient,doctor,lawyer,attorney,beneficiary,signed,owes,overdue,kunde,kundin,rechnung,vertrag,mitarbeiter,termin,client,facture,contrat,salarie,cliente,factura,contrato,empleado',
]);
/** After a name they make it the name of a thing. */
const EPONYM = hashes(
  'disease,syndrome,score,scores,lymphoma,esophagus,sign,index,criteria,test,classification,reflex,scale,palsy,tumor,sarcoma,phenomenon,cyst,fracture,procedure,catheter,law,laws,theorem,equation,equations,constant,principle,effect,paradox,conjecture,inequality,series,transform,distribution,process,algorithm,method,model,curve,function,space,hypothesis,rule,cycle,diagram,matrix,integral,formula,frequency,krankheit,syndrom,maladie,enfermedad,strasse',
);
/** After a name, or as its last word, they make it the name of a place or an organisation. */
const ENTERPRISE = hashes(
  'inc,ltd,llc,gmbh,corp,plc,investments,consulting,partners,holdings,industries,systems,technologies,stores,academy,stadium,club,award,awards,prize,resources,foundation,institute,university,college,school,hospital,clinic,company,group,bank,capital,records,studios,media,insurance,pharma,airlines,foods,motors,museum,theatre,theater,church,hotel,restaurant,campus,center,centre,festival,street,road,avenue,lane,boulevard,square,bridge,airport,lake,river,island,county,valley,beach,mountain,st,rd,ave,drive,hall',
);
/** Assistants with a first name. Alone it may be anybody's; with one of the words after it, which agents write on every page of their instructions, it is a product. */
const ASSISTANT = hashes('claude');
const PRODUCT = hashes(
  'code,agent,agents,session,sessions,sdk,api,cli,desktop,opus,sonnet,haiku,fable,instant,max,pro,model,models,app,plugin,extension,skill,skills',
);
const REACH = 9;

/** What else the window holds. */
export interface Company {
  readonly people: number;
  readonly places: number;
  /** The value stands under a key for names. */
  readonly keyed: boolean;
}

/** isEponym: the name belongs to an illness, a law, a street or a product, not to who had it. */
export function isEponym(tokens: Tokens, mention: Mention): boolean {
  const after = mention.to + (isPossessive(tokens, mention.to) ? 1 : 0);
  const gap = tokens.gapAt(after);
  const next = tokens.hashAt(after);
  const joined = gap === GAP.space || gap === GAP.hyphen || gap === GAP.quote;
  if (joined && (EPONYM.has(next) || ENTERPRISE.has(next))) return true;
  if (ASSISTANT.has(tokens.hashAt(mention.from))) {
    const last = mention.to - mention.from === 1 ? next : tokens.hashAt(mention.from + 1);
    if (PRODUCT.has(last) && (joined || mention.to - mention.from > 1)) return true;
  }
  return mention.to - mention.from > 1 && ENTERPRISE.has(tokens.hashAt(mention.to - 1));
}

const S = hashWord('s');
/** The `s` of `Anna's`. */
const isPossessive = (tokens: Tokens, at: number): boolean => tokens.hashAt(at) === S && tokens.gapAt(at) === GAP.quote;

export function privacyOf(tokens: Tokens, mention: Mention, frame: Frame, company: Company): Weighing {
  const cue = cueBefore(tokens, mention.from);
  const form = formOf(mention, cue);
  const short = form === 'lone-name' && tokens.lengthAt(mention.from) < 3;
  let score = baseOf(form, short ? 0 : mention.listed) * (0.7 + 0.3 * Math.min(1, mention.certainty / 0.8));
  const steps: ScoreStep[] = [{ kind: 'pattern', score: toScore(score) }];
  // "Tom's brother has 7 apples" raises nothing.
  const belief = 1 - Math.max(frame.exercise, frame.exam, frame.fiction * 0.5);
  const raise = (word: string, amount: number, trust = belief): void => {
    if (amount * trust <= 0) return;
    score = Math.min(1, score + amount * trust);
    steps.push({ kind: 'context', word, score: toScore(score) });
  };
  const damp = (by: string, amount: number): void => {
    if (amount <= 0.02) return;
    score = Math.max(0, score - amount);
    steps.push({ kind: 'damped', by, score: toScore(score) });
  };
  if (cue === INTRODUCTION) raise('introduced', isVague(tokens, mention) ? 0.15 : 0.28);
  else if (cue === NAMED && mention.names < 2) raise('introduced', 0.03);
  else if (cue === NAMED || cue === RECORD) raise('introduced', mention.listed > 0 ? 0.22 : 0.08);
  else if (cue === KIN) raise('family', 0.18);
  else if (cue === GREETING) raise('greeted', 0.08);
  if (isOwner(tokens, mention)) raise('family', 0.12);
  raise('personal-words', Math.min(0.15, wordsNear(tokens, mention, PERSONAL) * 0.05));
  // A letter about two invoices asks how much is left too.
  if (form !== 'lone-name') raise('business-words', Math.min(0.12, wordsNear(tokens, mention, BUSINESS) * 0.04), 1);
  raise('key', company.keyed ? 0.3 : 0);
  raise('with-place', company.places > 0 ? 0.06 : 0);
  raise('with-people', Math.min(0.12, 0.04 * (company.people - 1)));
  if (isAddressed(tokens, mention)) raise('addressed', 0.12);
  if (speaks(tokens, mention)) raise('speaks', 0.12);

  // A file on a patient called like an actor is a file on a patient.
  if (
    frame.records < 2 &&
    (mention.names >= 2
      ? isPublicName(mention.hash) || isPublicWord(tokens.hashAt(mention.to - 1))
      : isPublicWord(tokens.hashAt(mention.from)))
  )
    damp('public-figure', 0.5);
  damp('place', isPlace(tokens, mention) ? 0.25 : 0);
  if (form === 'full-name' && mention.listed === 0 && hasOrdinaryWord(tokens, mention)) damp('ordinary-word', 0.12);
  // `travis`, `nil`: a name in small letters among the marks of code is one of the code's own.
  if (form === 'lone-name' && frame.code > 0.2 && (tokens.shapeAt(mention.from) & SHAPE.initialUpper) === 0)
    damp('identifier', 0.5);
  damp('exercise', frame.exercise * (form === 'full-name' ? 0.25 : 0.5));
  damp('exam', frame.exam * 0.5);
  damp('fiction', frame.fiction * 0.35);
  damp('code', frame.code * 0.35);
  damp('public-life', frame.publicLife * 0.2);
  // A capitalised word nobody lists is no person because people are near; only what says so of itself counts.
  if (form === 'lone-name' && mention.listed === 0 && score >= DOUBTFUL && !steps.some(saysName))
    damp('unlisted-word', score - DOUBTFUL + 0.03);
  return {
    form,
    score,
    steps,
    isRaised: steps.some(({ kind }) => kind === 'context'),
    isDamped: steps.some(({ kind }) => kind === 'damped'),
  };
}

/** The most a lone word of no list gets from its company. */
const DOUBTFUL = 0.48;
const NAME_SAYING = new Set(['introduced', 'family', 'greeted', 'key', 'addressed', 'speaks']);
const saysName = (step: ScoreStep): boolean => step.kind === 'context' && NAME_SAYING.has(step.word);

/** All its words are words of places and none is a first name of the lists only. */
function isPlace(tokens: Tokens, mention: Mention): boolean {
  for (let at = mention.from; at < mention.to; at += 1) {
    if ((tokens.knownAt(at) & KNOWN.place) === 0 || (tokens.knownAt(at) & KNOWN.first) !== 0) return false;
  }
  return true;
}

/** `Anal Cancer`, `Append Val`: no word of the lists and one of the dictionary. */
function hasOrdinaryWord(tokens: Tokens, mention: Mention): boolean {
  for (let at = mention.from; at < mention.to; at += 1) if ((tokens.knownAt(at) & KNOWN.dictionary) !== 0) return true;
  return false;
}

const OWNERS = hashes('my,his,her,their,mein,sein,ihr,mon,son,mi,su');

/** "The name is required": a small word nobody lists, where no one says whose name it is. */
function isVague(tokens: Tokens, mention: Mention): boolean {
  if (mention.listed > 0 || (tokens.shapeAt(mention.from) & SHAPE.initialUpper) !== 0) return false;
  return !OWNERS.has(tokens.hashAt(mention.from - 3)) && !OWNERS.has(tokens.hashAt(mention.from - 2));
}

function formOf(mention: Mention, cue: number): NameForm {
  if (mention.names >= 2) return 'full-name';
  if (mention.initials > 0) return 'name-and-initial';
  return cue === TITLE ? 'title-and-name' : 'lone-name';
}

/** Scores of a name with nothing around it: no word known, half a word, a word, two words known to the lists. */
const BASES: Readonly<Record<NameForm, readonly [number, number, number, number]>> = {
  'full-name': [0.54, 0.57, 0.68, 0.74],
  'name-and-initial': [0.4, 0.5, 0.6, 0.6],
  'title-and-name': [0.62, 0.62, 0.62, 0.62],
  'lone-name': [0.28, 0.36, 0.46, 0.46],
};

function baseOf(form: NameForm, listed: number): number {
  const bases = BASES[form];
  if (listed >= 1.5) return bases[3];
  return listed >= 1 ? bases[2] : listed > 0 ? bases[1] : bases[0];
}

function wordsNear(tokens: Tokens, mention: Mention, cues: CueTable): number {
  let count = 0;
  for (let at = Math.max(0, mention.from - REACH); at < Math.min(tokens.count, mention.to + REACH); at += 1) {
    if (at >= mention.from && at < mention.to) continue;
    if (cues.single(tokens.hashAt(at)) >= 0) count += 1;
  }
  return count;
}

const KINSHIP = hashes(
  'son,daughter,kid,kids,child,children,wife,husband,mother,father,mom,dad,mum,brother,sister,baby,house,place,family,birthday,account,boss,phone,email,address,desk,salary,contract,funeral,wedding',
);

/** `Anna's daughter`, `Anna's salary`. */
function isOwner(tokens: Tokens, mention: Mention): boolean {
  return isPossessive(tokens, mention.to) && KINSHIP.has(tokens.hashAt(mention.to + 1));
}

/** `says Anna`, `Anna said`. */
const speaks = (tokens: Tokens, mention: Mention): boolean =>
  (SPEECH.has(tokens.hashAt(mention.from - 1)) && tokens.gapAt(mention.from) === GAP.space) ||
  (SPEECH.has(tokens.hashAt(mention.to)) && tokens.gapAt(mention.to) === GAP.space);

/** A name alone before a comma or colon at the start of a line: a letter, a chat, a call. */
function isAddressed(tokens: Tokens, mention: Mention): boolean {
  const [before, after] = [tokens.gapAt(mention.from), tokens.gapAt(mention.to)];
  if (before !== GAP.start && before !== GAP.newline && mention.from !== 0) return false;
  return after === GAP.comma || after === GAP.colon;
}
