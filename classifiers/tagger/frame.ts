/**
 * readFrame says what kind of text the names stand in. In a word problem, an exam question, a story that is asked for or
 * a piece of code, a name is nobody's; in a note about a patient it is. Each part is a degree in [0, 1].
 */
import { CueTable } from '../linear/cues.ts';
import { SHAPE } from '../linear/words.ts';
import type { Tokens } from './tokens.ts';

export interface Frame {
  /** Word problems: numbers, a question of how many. */
  readonly exercise: number;
  /** Exams: options to choose from. */
  readonly exam: number;
  /** Stories, games and characters that are asked for. */
  readonly fiction: number;
  readonly code: number;
  /** Words of files on people: patients, insured, employees. */
  readonly records: number;
  /** Works, teachings and offices of the well-known. */
  readonly publicLife: number;
}

const CUES = new CueTable([
  'how many,how much,how far,how long,how old,how fast,how often,what fraction,what percentage,what percent,what number,what total,find the,find her,find his,find their,find its,how big,how large,how heavy,how tall,what was,what will,what would,what are,what is,calculate,determine,wie viele,wie viel,combien de,cuantos,cuantas,cuanto',
  'each,twice,half,third,quarter,remaining,altogether,total,dozen,per,times,more,less,fewer,cost,costs,price,bought,buys,sells,sold,pays,paid,earns,gave,gives,left,spend,spends,saves,miles,hours,minutes,pounds,ounces,inches,feet,gallons,percent,dollars,cents,apples,oranges,cookies,marbles,candies,pencils,eggs,books,boxes,bags,older,younger,average,week,weeks,day,days',
  'following is,which of,best describes,most likely,is correct,true statement,not true,all except,none of,all of,both of,answer choices,multiple choice,correct answer,following statements,false statement,statement best,court will,guilty of,liable for,best defense,prevail,will prevail,plaintiff recover,judgment for,hypothesis,experiment,researcher,psychologist',
  'the truth,sentence plausible,first premise,second premise,the premises,deductively valid,valid argument,following argument,the argument,explicitly stated,typical person,about causation,logically follows,swap partners,swap positions,trade gifts,the leftmost,the rightmost,pos tag,pos tags,mask token,coreference,antecedent,pronoun refers,sentences explain,is ambiguous,following sentence,following sentences,logical deduction,says that,tells the',
  'story,stories,poem,novel,fiction,screenplay,fairy,tale,character,characters,protagonist,villain,wizard,dragon,knight,castle,ghost,detective,roleplay,rpg,dnd,dungeon,plot,scene,dialogue,dialog,script,fantasy,superhero,starship,spaceship,anime,manga,imagine,pretend,once upon,riddle,puzzle,joke,lyrics,haiku,sonnet,game,geschichte,gedicht,histoire,conte,poeme,cuento,poema,personaje,liar,knights,dice,coin,cards,hat,hats',
  'according to,theory,theorem,philosophy,philosopher,philosophers,economist,sociologist,president,emperor,pope,saint,century,war,revolution,empire,treaty,constitution,speech,wrote,painted,composed,invented,discovered,argued,argues,believed,claimed,proposed,novelist,poet,playwright,painter,composer,scientist,inventor,actor,actress,singer,rapper,band,album,film,films,movie,movies,directed,biography,quote,quotes,style of,works of,ideas of,amendment,doctrine,essay,manifesto,laureate,nobel,olympic,champion,senator,congress,ceo of,founder of',
  'patient,patients,pt,pts,year old,female,male,surgery,post op,operative,outpatient,prescribing,side effects,yo male,yo female,yo,diagnosed,diagnosis,mrn,dob,admitted,discharged,hospital,clinic,medical center,ssn,passport,employee id,account number,policy number,plan id,insurance,fibrillation,hypertension,diabetes,diabetic,neuropathy,copd,cancer,chronic,disease,mri,infection,stroke,asthma,icu,clinical,prescribed,treated,treatment,seen at,medication,meds,hx,symptoms,therapy,patientin,hopital,iban,beneficiary',
]);

export function readFrame(tokens: Tokens): Frame {
  const counts = [0, 0, 0, 0, 0, 0, 0];
  let numbers = 0;
  const bump = (group: number): void => {
    if (group >= 0) counts[group] = (counts[group] as number) + 1;
  };
  for (let at = 0; at < tokens.count; at += 1) {
    const hash = tokens.hashAt(at);
    bump(CUES.single(hash));
    if (at + 1 < tokens.count) bump(CUES.pair(hash, tokens.hashAt(at + 1)));
    if ((tokens.shapeAt(at) & SHAPE.allDigit) !== 0) numbers += 1;
  }
  const [exercise, quantity, exam, logic, fiction, publicLife, records] = counts as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const { options, questions, symbols } = readMarks(tokens.text, tokens);
  // A question about a patient has numbers and options too, and is about somebody.
  const doubt = records >= 2 ? 0 : 1;
  return {
    exercise: doubt * exerciseDegree(exercise, quantity, numbers, questions),
    exam: Math.max(
      options >= 3 ? 1 : 0,
      doubt * Math.max(options >= 2 ? 1 : 0, degree(exam, 2), degree(logic * 0.7, 1.4)),
    ),
    fiction: degree(fiction * spread(tokens.count), 1.2),
    code: degree(symbols / Math.max(12, tokens.count) - 0.12, 0.25),
    records,
    publicLife: doubt * degree(publicLife * spread(tokens.count), 2.5),
  };
}

function exerciseDegree(asks: number, quantity: number, numbers: number, questions: number): number {
  if (asks + questions === 0) return degree(quantity * 0.2 + numbers * 0.1 - 1.2, 2);
  if (numbers + quantity >= 4 && numbers >= 2) return 1;
  return asks === 0 ? 0 : degree(asks * 0.6 + numbers * 0.35 + quantity * 0.3, 1.4);
}

const degree = (value: number, enough: number): number => Math.max(0, Math.min(1, value / enough));
/** A long text meets a few such words by chance. */
const spread = (words: number): number => Math.min(1, Math.sqrt(60 / Math.max(1, words)));

/** Answer options (`A.`, `(B)`) at line starts, question marks, and the characters of code. */
function readMarks(
  text: string,
  tokens: Tokens,
): { readonly options: number; readonly questions: number; readonly symbols: number } {
  let options = 0;
  let questions = 0;
  let symbols = 0;
  const from = tokens.count === 0 ? 0 : (tokens.words.start[0] as number);
  const to = tokens.count === 0 ? 0 : Math.min(text.length, (tokens.words.end[tokens.count - 1] as number) + 2);
  let lineStart = true;
  for (let at = from; at < to; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0x0a) {
      lineStart = true;
      continue;
    }
    if (unit === 0x3f || unit === 0xff1f) questions += 1;
    else if (unit === 0x7b || unit === 0x7d || unit === 0x3b || unit === 0x3d || unit === 0x3c || unit === 0x60)
      symbols += 1;
    else if (unit === 0x28 && text.charCodeAt(at + 1) === 0x29) symbols += 1;
    if (lineStart && unit >= 0x41 && unit <= 0x46) {
      const next = text.charCodeAt(at + 1);
      if (next === 0x2e || next === 0x29 || next === 0x3a) options += 1;
    }
    if (unit !== 0x20 && unit !== 0x28) lineStart = false;
  }
  return { options, questions, symbols };
}
