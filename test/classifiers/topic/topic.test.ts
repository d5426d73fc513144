import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TOPIC_TAGGER, topicSignals } from '../../../classifiers/topic/topic.ts';

/** Any UTF-16, lone surrogates included. */
const anyUnits = fc.uint16Array({ maxLength: 80 }).map((units) => String.fromCharCode(...units));

const named = (text: string): readonly string[] =>
  topicSignals(text, '/x')
    .filter(({ score }) => score >= 0.5)
    .map(({ name }) => name);

describe('topicSignals()', () => {
  test.each([
    ['health', 'topic:health', 'The patient was diagnosed with asthma and takes prednisone daily.'],
    ['health, German', 'topic:health', 'Der Befund zeigt Bluthochdruck, das Medikament wurde gewechselt.'],
    ['health, French', 'topic:health', 'Le patient a reçu une ordonnance pour sa maladie.'],
    ['health, Spanish', 'topic:health', 'El paciente fue diagnosticado con una enfermedad rara.'],
    ['health, Chinese', 'topic:health', '这位患者的病历显示需要手术'],
    ['finance', 'topic:finance', 'Please check the bank account, the wire transfer to the beneficiary is overdue.'],
    ['finance, German', 'topic:finance', 'Meine Bankverbindung hat sich geändert, die Überweisung kam zurück.'],
    ['finance, Spanish', 'topic:finance', 'La transferencia bancaria y la hipoteca siguen pendientes.'],
    ['hr', 'topic:hr', 'Draft the performance review and mention the severance he was offered.'],
    ['hr, German', 'topic:hr', 'Die Abmahnung kommt in die Personalakte, die Kündigung folgt.'],
    ['hr, French', 'topic:hr', 'Son licenciement et son salaire sont discutés lundi.'],
    ['legal', 'topic:legal', 'Our attorney says the plaintiff will accept the settlement agreement.'],
    ['strategy', 'topic:strategy', 'Summarise the board deck on the planned merger; it is confidential.'],
    ['strategy by possession', 'topic:strategy', 'Turn our quarterly pricing notes into slides'],
    ['strategy, Chinese', 'topic:strategy', '总结我们内部的战略文档'],
    ['internal code', 'topic:internal-code', 'Find the race in our payment service'],
    ['records of people', 'topic:personal-data', 'Clean this customer contact list and drop duplicates'],
  ])('%s', (_, topic, text) => {
    expect(named(text)).toContain(topic);
  });

  test.each([
    ['a word inside another', 'The impatient accountants republished their list'],
    ['a single weak word', 'My doctor likes football'],
    ['general coding', 'Write a function that sorts an array of customers'],
    ['general knowledge', 'Explain the difference between a stack and a queue'],
    ['maths', 'Tom has 12 apples and gives 5 to his sister. How many are left?'],
    ['an open-source question', 'How do I contribute to a public repository?'],
  ])('says nothing of %s', (_, text) => {
    expect(named(text)).toEqual([]);
  });

  test('repeating one word makes no subject', () => {
    expect(named('hospital '.repeat(50))).toEqual([]);
  });

  test('a long text needs more than a short one', () => {
    const filler = 'The village lies by the river and its market opens early in the day. '.repeat(60);
    expect(named('She sees a cardiologist.')).toEqual(['topic:health']);
    expect(named(`${filler}She sees a cardiologist.`)).toEqual([]);
  });

  test('reads only its window, and signals carry the pointer and no text', () => {
    const text = 'The patient was diagnosed. The plaintiff called an attorney.';
    expect(topicSignals(text, '/m/0', 0, 26).map(({ name }) => name)).toEqual(['topic:health']);
    expect(topicSignals(text, '/m/0')[0]).toEqual({
      kind: 'topic',
      name: 'topic:health',
      score: expect.any(Number),
      pointer: '/m/0',
    });
  });

  test('scores stay in (0, 1] for any text', () => {
    fc.assert(
      fc.property(anyUnits, (noise) => {
        const scores = topicSignals(`${noise} patient diagnosed ${noise}`, '').map(({ score }) => score);
        expect(scores.every((score) => score > 0 && score <= 1)).toBe(true);
      }),
    );
  });
});

describe('locality', () => {
  test.each([
    'Do not send this to the cloud.',
    "please don't share any of it with external providers",
    'Keep this on our machines.',
    'This has to stay inside, process it on-premises only',
    'The file must never leave our internal network',
    'local only, please',
    'Bitte nicht in die Cloud schicken.',
    'Das darf unser Netzwerk nicht verlassen, alles bleibt auf unseren Servern.',
    'Ne pas envoyer ces données à des tiers.',
    'No enviar a la nube.',
    '请勿上传到云端',
  ])('%s', (text) => {
    expect(named(text)).toContain('locality');
  });
  test.each([
    'How do I run the app locally?',
    'Upload the image to the cloud bucket',
    'The cloud did not move all day',
    'Send the letter to my external examiner',
  ])('not: %s', (text) => {
    expect(named(text).filter((name) => name === 'locality')).toEqual([]);
  });
});

test('the tagger passes signals of its window only, without pointer or entity', () => {
  const signals: unknown[] = [];
  TOPIC_TAGGER.tag(
    { text: 'The patient was diagnosed.', hint: '', role: 'user', form: 'text' },
    { start: 0, end: 26 },
    { candidate: () => expect.unreachable('topics are no candidates'), signal: (signal) => signals.push(signal) },
  );
  expect(signals).toEqual([{ kind: 'topic', name: 'topic:health', score: expect.any(Number) }]);
});
