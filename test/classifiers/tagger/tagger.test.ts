import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Candidate } from '../../../classifiers/recognizer.ts';
import { TAGGER_WINDOW } from '../../../classifiers/recognizer.ts';
import { NAME_TAGGER } from '../../../classifiers/tagger/tagger.ts';

/** Any UTF-16, lone surrogates included. */
const anyUnits = fc.uint16Array({ maxLength: 80 }).map((units) => String.fromCharCode(...units));

function tag(text: string, options: { readonly hint?: string; readonly from?: number; readonly to?: number } = {}) {
  const found: Candidate[] = [];
  const { hint = '', from = 0, to = Math.min(text.length, TAGGER_WINDOW) } = options;
  NAME_TAGGER.tag(
    { text, hint, role: 'user', form: 'text' },
    { start: from, end: to },
    { candidate: (candidate) => found.push(candidate), signal: () => expect.unreachable('names are no signals') },
  );
  return found;
}
const counted = (text: string, entity: string, hint = ''): readonly string[] =>
  tag(text, { hint })
    .filter((candidate) => candidate.entity === entity && candidate.score >= 0.5)
    .map(({ start, end }) => text.slice(start, end));
const privatePeople = (text: string, hint = ''): readonly string[] => counted(text, 'PRIVATE_PERSON', hint);

describe('a private person', () => {
  test.each([
    ['full name', 'Please forward the minutes to Karin Holmberg.', 'Karin Holmberg'],
    ['middle initial', 'The lease was signed by Daniel R. Whitcombe.', 'Daniel R. Whitcombe'],
    ['initial for the surname', 'Our patient Maria T. was admitted to the clinic on Monday.', 'Maria T.'],
    ['title and surname', 'Mrs. Abernathy would like to change her appointment.', 'Abernathy'],
    ['title and full name', 'This is Dr. Tomasz Wilczek speaking.', 'Tomasz Wilczek'],
    ['introduction', 'my name is Zdenka', 'Zdenka'],
    ['introduction in small letters', 'hello, my name is dariusz wojtowicz', 'dariusz wojtowicz'],
    ['small letters', 'i had lunch with patricia oconnor yesterday', 'patricia oconnor'],
    ['family', 'My daughter Ingrid has had a fever since Friday.', 'Ingrid'],
    ['owner', "That was Katherine's birthday party", 'Katherine'],
    ['signature', 'Best regards,\nHelena Marchetti\nAccounting', 'Helena Marchetti'],
    ['field', 'Name: Rajesh Kulkarni\nRoom: 12', 'Rajesh Kulkarni'],
    ['list', 'Invite these:\n- Karin Holmberg\n- Tomasz Wilczek', 'Karin Holmberg'],
    ['JSON in the text', '{"customer": "Aoife Gallagher", "id": 7}', 'Aoife Gallagher'],
    ['CSV row', 'id,name,city\n17,Marcus Feldmann,Kiel', 'Marcus Feldmann'],
    ['ticket', 'Ticket 4411: customer Samuel Brandt cannot log in', 'Samuel Brandt'],
    ['HR mail', 'Draft a warning letter to Gregory Tilson, who missed three shifts.', 'Gregory Tilson'],
    [
      'numbers and a question about a customer',
      'Draft a reply to Karin Holmberg. She paid 2 invoices of $400 and $350 and wants a refund of 120. How much is left?',
      'Karin Holmberg',
    ],
    ['hyphen', 'I met Anne-Marie Lefebvre at the station', 'Anne-Marie Lefebvre'],
    ['accents', 'Call Zoë Grünwald back', 'Zoë Grünwald'],
    ['German', 'Sehr geehrte Frau Lindemann, Ihr Termin ist am Montag.', 'Lindemann'],
    ['German introduction', 'Ich heiße Jürgen Weber und wohne in Bremen.', 'Jürgen Weber'],
    ['French', 'Je m’appelle Camille Rousselle.', 'Camille Rousselle'],
    ['Spanish', 'Me llamo Beatriz Salgado y tengo fiebre.', 'Beatriz Salgado'],
    ['Cyrillic', 'Пациент Алексей Смирнов поступил вчера', 'Алексей Смирнов'],
  ])('%s', (_, text, name) => {
    expect(privatePeople(text)).toContain(name);
  });

  test('a key is context for its value', () => {
    expect(privatePeople('Odalys', 'first_name')).toEqual(['Odalys']);
    expect(privatePeople('Odalys', 'colour')).toEqual([]);
  });
});

describe('nobody is named by', () => {
  test.each([
    ['prose', 'The committee reviewed the plan and asked how the budget would change in Summer.'],
    ['title case', 'Quarterly Budget Review And Planning Guide For New Managers'],
    ['headings', '# Getting Started\n\n## Installation Steps\n\n## Known Issues'],
    ['products', 'The Ergonomic Wooden Chair is back in stock, and so is the Fantastic Steel Lamp.'],
    ['months and days', 'On Monday we ship, in March we test, by Christmas we rest.'],
    ['code', 'class UserAccount extends BaseModel {\n  const result = await FetchUser(Id);\n}'],
    ['a stack trace', 'java.lang.NullPointerException at com.example.Service.Run(Service.java:42)'],
    ['shouting', 'PLEASE READ THE MANUAL BEFORE YOU CALL SUPPORT'],
    ['medicine', 'Is Lisinopril safe with Metformin in a 60-year-old male with Parkinson’s disease?'],
    ['an illness named after a doctor', 'What is the prognosis of Huntington disease and Wilson’s disease?'],
    ['words that are names', 'Will you mark the date? May I ask for grace and hope?'],
    ['contractions', "He's late, she's early, and they're lost. C'mon, let's go!"],
    ['German nouns', 'Das Haus, der Garten und die Rechnung liegen im Ordner der Behörde.'],
    ['a field that is asked for', 'The name is required and the surname is validated.'],
    ['noise', 'Re; Lo% Ky\u0001 UY= Ob] TXO; ifN, Vy^ da'],
    ['answer options', 'Which organelle makes ATP?\nA. Nucleus\nB. Mitochondria\nC. Ribosome\nD. Golgi body'],
    [
      'an assistant with a first name',
      'You are a Claude agent. Co-Authored-By: Claude Code. Ask your Claude sessions, and Claude Opus too.',
    ],
    ['a street and a firm', 'The office of Fletcher Holdings is in Marshall Street.'],
  ])('%s', (_, text) => {
    expect(privatePeople(text)).toEqual([]);
  });

  test.each([
    ['a word problem', 'Lena has 14 marbles and gives 6 to Omar. How many marbles does Lena have left?'],
    ['a word problem with kin', "Ravi's sister is twice as old as Ravi. Ravi is 9. How old is she in 4 years?"],
    [
      'an exam',
      'According to Immanuel Kant, which of the following is good without qualification?\nA. Wit\nB. Will\nC. Power\nD. Riches',
    ],
    ['a philosopher', 'Compare the theory of John Rawls with that of Robert Nozick.'],
    ['a president', 'What did Abraham Lincoln say in his speech?'],
    ['an author', 'Write a poem in the style of Emily Dickinson.'],
    [
      'a puzzle of liars',
      'Marta tells the truth. Ilse says Marta lies. Goran says Ilse tells the truth. Does Goran tell the truth?',
    ],
    ['a syllogism', 'First premise: no cousin of Nadine is an aunt of Pavel. Is this argument deductively valid?'],
    ['a plausible sentence', 'Is the following sentence plausible? "Henrik Solberg took a corner kick."'],
    ['a name in code', 'if err != nil {\n  travis := travis.New(); return travis.Run(ctx)\n}'],
    ['a story', 'Write a short story about a wizard called Percival and his dragon.'],
  ])('%s', (_, text) => {
    expect(privatePeople(text)).toEqual([]);
  });

  test.each([
    'Dear [[PRIVATE_PERSON_qwertyuiop]], my name is [[PERSON_asdfghjklz]].',
    'Patient [[PRIVATE_PERSON_qwertyuiop]] was admitted to the hospital.',
    '[[PERSON_asdfghjklz]]',
  ])('a placeholder: %s', (text) => {
    for (const hint of ['', 'first_name']) expect(tag(text, { hint })).toEqual([]);
  });

  test('a well-known name on a medical record counts all the same', () => {
    expect(privatePeople('Patient Albert Einstein, MRN 44871, was admitted to the hospital on Monday.')).toContain(
      'Albert Einstein',
    );
  });
});

describe('places and organisations', () => {
  test.each([
    ['LOCATION', 'We moved from Lisbon to Rotterdam last year.', 'Rotterdam'],
    ['LOCATION', 'The government of Portugal resigned.', 'Portugal'],
    ['ORGANIZATION', 'She works at Northern Insurance Group in the claims team.', 'Northern Insurance Group'],
  ])('%s in "%s"', (entity, text, value) => {
    expect(counted(text, entity)).toContain(value);
  });
});

describe('contract of the tagger', () => {
  const text = 'Yesterday Karin Holmberg called.\nToday Samuel Brandt wrote to Lisbon.';

  test('reads only its window and reports offsets of the whole text', () => {
    const from = text.indexOf('Today');
    const values = tag(text, { from, to: text.length }).map(({ start, end }) => text.slice(start, end));
    expect([...new Set(values)]).toEqual(['Samuel Brandt', 'Lisbon']);
  });

  test('a private person is reported as a person too, so that a higher threshold leaves evidence', () => {
    expect(tag('Please forward the minutes to Karin Holmberg.').map(({ entity }) => entity)).toEqual([
      'PRIVATE_PERSON',
      'PERSON',
    ]);
  });

  test.each([
    'My daughter Ingrid Holmberg has a fever.',
    'What did Abraham Lincoln say?',
    'Rudolfo',
    'Lena has 14 marbles and gives 6 to Omar. How many are left?',
  ])('steps begin with the model, end with the score, and hold no text: %s', (sentence) => {
    const found = tag(sentence);
    expect(found.length).toBeGreaterThan(0);
    for (const { steps, score } of found) {
      expect(steps[0]).toMatchObject({ kind: 'model', model: 'names-1' });
      expect(steps.at(-1)?.score).toBeCloseTo(score);
      expect(JSON.stringify(steps)).not.toMatch(/ingrid|holmberg|fever|lincoln|rudolfo|lena|marbles/i);
    }
  });

  test('damping says what damped', () => {
    const [candidate] = tag('What did Abraham Lincoln say?');
    expect(candidate).toMatchObject({ entity: 'PERSON' });
    expect(candidate?.steps.flatMap((step) => (step.kind === 'damped' ? [step.by] : []))).toContain('public-figure');
  });

  test('never throws, never leaves the window, scores in [0, 1], same twice', () => {
    fc.assert(
      fc.property(anyUnits, fc.nat(40), (noise, cut) => {
        const mixed = `${noise} Karin Holmberg ${noise}`;
        const from = Math.min(cut, mixed.length);
        const found = tag(mixed, { from, to: mixed.length });
        for (const { start, end, score } of found) {
          expect(start).toBeGreaterThanOrEqual(from);
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThanOrEqual(mixed.length);
          expect(score >= 0 && score <= 1).toBe(true);
        }
        expect(tag(mixed, { from, to: mixed.length })).toEqual(found);
      }),
    );
  });

  test.each([
    ['names only', 'Karin Holmberg '],
    ['capitals', 'KARIN HOLMBERG '],
    ['punctuation', '.'.repeat(50) + 'A'],
    ['initials', 'K. '],
    ['small names', 'karin, '],
  ])('a full window of %s costs milliseconds, not seconds', (_, unit) => {
    const worst = unit.repeat(Math.ceil(TAGGER_WINDOW / unit.length)).slice(0, TAGGER_WINDOW);
    const begun = performance.now();
    tag(worst);
    // About 3 ms; quadratic work would take far longer than this bound.
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});
