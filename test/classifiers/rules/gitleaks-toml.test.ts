import { describe, expect, it } from 'vitest';
import { loadGitleaksToml } from '../../../classifiers/rules/gitleaks-toml.ts';
import type { LoadedRules } from '../../../classifiers/rules/rule-problem.ts';
import { scanText } from './scan-text.ts';

const RULES = `
title = "house rules"
minVersion = "v8.25.0"

[allowlist]
description = "everywhere"
paths = ['''node_modules/''']
regexes = ['''^allowed-[0-9]{4}$''']

[[rules]]
id = "acme-key"
description = "Acme"
regex = '''(?i)[\\w.-]{0,50}?(?:acme)(?:[ \\t\\w.-]{0,20})[\\s'"]{0,3}(?:=|:)[\\s'"]{0,5}(acm-[a-z0-9]{12}|allowed-[0-9]{4})(?:['"\\s;]|$)'''
entropy = 2.5
keywords = ["acme"]
tags = ["house"]

[[rules]]
id = "pair"
regex = '''user=(\\w+);pass=(\\w+)'''
secretGroup = 2
keywords = ["pass"]
    [[rules.allowlists]]
    stopwords = ["dummy"]
    [[rules.allowlists]]
    condition = "AND"
    regexTarget = "line"
    regexes = ['''# sample''']
    stopwords = ["letmein"]

[[rules]]
id = "generic-token"
regex = '''tok_(\\w{8,20})'''

[[rules]]
id = "old-files"
path = '''\\.p12$'''
`;

function recognizersOf(loaded: LoadedRules) {
  if (loaded.kind === 'invalid')
    throw new Error(loaded.problems.map((problem) => `${problem.line}: ${problem.message}`).join('\n'));
  return loaded.recognizers;
}
const values = (text: string, toml = RULES): readonly string[] =>
  scanText(recognizersOf(loadGitleaksToml(toml)), text).map((found) => found.value);

describe('gitleaks rules', () => {
  it.each([
    ['the capturing group is the secret', 'acme_key = "acm-9f3k2m8q1z7x"', ['acm-9f3k2m8q1z7x']],
    ['under the entropy nothing is reported', 'acme_key = "acm-aaaaaaaaaaaa"', []],
    ['the global allowlist applies to the secret', 'acme_key = "allowed-1234"', []],
    ['secretGroup chooses the group', 'user=bob;pass=hunter2x', ['hunter2x']],
    ['a stopword in the secret allows it', 'user=bob;pass=dummy99', []],
    ['an AND allowlist needs all its parts', 'user=bob;pass=letmein1', ['letmein1']],
    ['and allows when all are there', 'user=bob;pass=letmein1 # sample', []],
    ['generic rules want a digit', 'tok_abcdefgh tok_abcdefg1', ['abcdefg1']],
  ])('%s', (_, text, expected) => {
    expect(values(text)).toEqual(expected);
  });

  it('keywords open windows; a rule without any is triggered by what its regex must hold', () => {
    const recognizers = recognizersOf(loadGitleaksToml(RULES));
    expect(recognizers.find(({ name }) => name === 'acme-key')?.triggers).toEqual([
      { kind: 'keyword', literals: ['acme'] },
    ]);
    expect(recognizers.find(({ name }) => name === 'generic-token')?.triggers).toEqual([
      { kind: 'keyword', literals: ['tok_'] },
    ]);
  });

  it('says what means nothing for prompts', () => {
    const loaded = loadGitleaksToml(RULES);
    expect(loaded.kind === 'loaded' && loaded.notes.map(({ line }) => line)).toEqual([5, 37]);
  });
});

describe('what cannot be honoured is a problem with its line', () => {
  it.each([
    ['an unknown key', '[[rules]]\nid = "a"\nregex = "b"\nregexp = "c"', 4, 'regexp'],
    ['no id', '[[rules]]\nregex = "b"', 1, 'id'],
    ['neither regex nor path', '[[rules]]\nid = "a"', 1, 'neither'],
    ['extend', 'title = "x"\n[extend]\nuseDefault = true', 2, 'extend'],
    ['required rules', '[[rules]]\nid = "a"\nregex = "b"\n[[rules.required]]\nid = "c"', 1, 'required'],
    ['syntax nobody knows', "[[rules]]\nid = \"a\"\n\nregex = '''(?x)a'''", 4, 'flag x'],
    ['a group that is not there', "[[rules]]\nid = \"a\"\nregex = '''(a)b'''\nsecretGroup = 2", 4, 'secretGroup'],
    ['a duplicate', '[[rules]]\nid = "a"\nregex = "b"\n[[rules]]\nid = "a"\nregex = "c"', 4, 'line 1'],
    [
      'an allowlist for no rule',
      '[[rules]]\nid = "a"\nregex = "b"\n[[allowlists]]\ntargetRules = ["z"]\nstopwords = ["q"]',
      4,
      'names z',
    ],
    [
      'an empty allowlist',
      '[[rules]]\nid = "a"\nregex = "b"\n[[rules.allowlists]]\ndescription = "d"',
      4,
      'allows nothing',
    ],
    ['no TOML', 'title = "x"\nrules = [', 2, 'TOML'],
  ])('%s', (_, toml, line, message) => {
    const loaded = loadGitleaksToml(toml);
    expect(loaded).toMatchObject({ kind: 'invalid', problems: [{ line, message: expect.stringContaining(message) }] });
  });
});
