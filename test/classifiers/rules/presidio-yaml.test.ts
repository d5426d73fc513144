import { describe, expect, it } from 'vitest';
import { loadPresidioYaml } from '../../../classifiers/rules/presidio-yaml.ts';
import type { LoadedRules } from '../../../classifiers/rules/rule-problem.ts';
import { scanText } from './scan-text.ts';

const BUILT_IN = new Set(['CREDIT_CARD', 'EMAIL_ADDRESS', 'PERSON', 'LOCATION']);
const RULES = `
supported_languages:
  - en
global_regex_flags: 26
recognizers:
  - name: CreditCardRecognizer
    type: predefined
    supported_languages:
      - language: en
        context: [credit, card]
  - name: EmailRecognizer
    enabled: false
    type: predefined
  - name: "Badge Recognizer"
    type: custom
    supported_entity: BADGE
    supported_languages:
      - language: en
        context: [badge]
      - language: de
        context: [Ausweis]
    patterns:
      - name: badge (weak)
        regex: "\\\\bB(?P<number>\\\\d{6})\\\\b"
        score: 0.2
  - name: TitlesRecognizer
    supported_language: en
    supported_entity: TITLE
    deny_list: [Mr., Dr., Prof.]
    deny_list_score: 0.6
  - name: NurNochDeutsch
    supported_language: de
    supported_entity: ZIP
    patterns: [{ name: plz, regex: "\\\\d{5}", score: 0.1 }]
`;

function loaded(rules: LoadedRules) {
  if (rules.kind === 'invalid')
    throw new Error(rules.problems.map((problem) => `${problem.line}: ${problem.message}`).join('\n'));
  return rules;
}
const scan = (text: string) => scanText(loaded(loadPresidioYaml(RULES, BUILT_IN)).recognizers, text);

describe('Presidio recognizers', () => {
  it('report the pattern with its score', () => {
    expect(scan('no b123456x but B123456 here')).toEqual([
      { entity: 'BADGE', value: 'B123456', score: 0.2, recognizer: 'badge-recognizer' },
    ]);
  });
  it.each(['her badge B123456', 'Ausweis: B123456', 'b123456 is on the badge'])(
    'context of any language raises it: %s',
    (text) => {
      expect(scan(text).map(({ score }) => score)).toEqual([expect.closeTo(0.55, 5)]);
    },
  );
  it.each([
    ['Dr. Who and prof. X', ['Dr.', 'prof.']],
    ['Drum. xDr. Dr.x', []],
  ])('deny lists match whole words in any case: %s', (text, words) => {
    const titles = scan(text);
    expect(titles.map(({ value }) => value)).toEqual(words);
    expect(titles.every(({ score }) => score === 0.6)).toBe(true);
  });
  it('predefined ones are built in, disabled ones and those of other languages are left out', () => {
    const rules = loaded(loadPresidioYaml(RULES, BUILT_IN));
    expect(rules.recognizers.map(({ name }) => name)).toEqual(['badge-recognizer', 'titles-recognizer']);
    expect(rules.notes.map(({ line }) => line)).toEqual([6, 31]);
  });
  it('the registry of an analyzer file loads too', () => {
    const yaml = `supported_languages: [en]\nnlp_configuration: { nlp_engine_name: spacy }\nrecognizer_registry:\n  recognizers:\n    - SpacyRecognizer\n    - name: z\n      supported_entity: ZIP\n      patterns: [{ name: z, regex: 'z[0-9]{5}', score: 0.5 }]\n`;
    expect(loaded(loadPresidioYaml(yaml, BUILT_IN)).recognizers.map(({ name }) => name)).toEqual(['z']);
  });
  it('a list of ten thousand words costs one look-up per place', () => {
    const words = Array.from({ length: 10_000 }, (_, index) => `word${index}`);
    const yaml = `recognizers:\n  - name: many\n    supported_entity: WORD\n    deny_list: ${JSON.stringify(words)}\n`;
    const [recognizer] = loaded(loadPresidioYaml(yaml, BUILT_IN)).recognizers;
    expect(recognizer?.cost).toBe(4);
    expect(recognizer && scanText([recognizer], 'a word9999 b word10000')).toMatchObject([{ value: 'word9999' }]);
  });
});

describe('what cannot be honoured is a problem with its line', () => {
  const recognizer = (lines: string): string => `recognizers:\n  - name: x\n${lines}`;
  it.each([
    ['an unknown class', 'recognizers:\n  - name: MagicRecognizer\n', 2, 'MagicRecognizer'],
    ['a class Sluice has nothing for', 'recognizers:\n  - EmailRecognizer\n  - name: DeLanrRecognizer\n', 3, 'DE_LANR'],
    [
      'another entity for a built-in one',
      'recognizers:\n  - name: EmailRecognizer\n    supported_entity: MAIL\n',
      3,
      'MAIL',
    ],
    ['an unknown key', recognizer('    supported_entity: X\n    pattern: []\n    deny_list: [a1]\n'), 4, 'pattern'],
    ['no entity', recognizer('    patterns: [{ name: a, regex: b, score: 0.5 }]\n'), 2, 'supported_entity'],
    ['neither patterns nor words', recognizer('    type: custom\n    supported_entity: X\n'), 2, 'neither'],
    [
      'a score out of range',
      recognizer('    supported_entity: X\n    patterns:\n      - name: a\n        regex: b\n        score: 7\n'),
      7,
      'score',
    ],
    [
      'Python syntax without an equivalent',
      recognizer(
        '    supported_entity: X\n    patterns:\n      - name: a\n        score: 0.5\n        regex: "(?x)a b"\n',
      ),
      7,
      'flag x',
    ],
    [
      'the VERBOSE flag',
      `global_regex_flags: 90\n${recognizer('    supported_entity: X\n    patterns: [{ name: a, regex: b, score: 0.5 }]\n')}`,
      3,
      '64',
    ],
    ['a key of no dialect', 'recogniser: []\nrecognizers: []\n', 1, 'recogniser'],
    ['no YAML', 'recognizers: [\n', 2, 'YAML'],
    ['another kind of file', 'a: 1\n', 1, 'recognizers'],
    ['an alias of nothing', 'recognizers: *nothing\n', 1, 'alias'],
  ])('%s', (_, yaml, line, message) => {
    const rules = loadPresidioYaml(yaml, BUILT_IN);
    expect(rules).toMatchObject({ kind: 'invalid', problems: [{ line, message: expect.stringContaining(message) }] });
  });
  it('a regex that could hang and cannot run elsewhere is refused with the attack', () => {
    const yaml = recognizer(
      '    supported_entity: X\n    patterns: [{ name: a, regex: "(?<!b)(a+)+$", score: 0.5 }]\n',
    );
    expect(loadPresidioYaml(yaml, BUILT_IN)).toMatchObject({
      kind: 'invalid',
      problems: [{ message: expect.stringMatching(/refused.*repeat/) }],
    });
  });
});
