/** What operators write: configuration, rule files, conditions. */
import assert from 'node:assert/strict';
import { parseConfig } from '../../../config/load.ts';
import { loadRuleFile } from '../../../classifiers/rules/load.ts';
import { compileCondition } from '../../../router/policy/conditions.ts';
import type { FuzzTarget } from '../fuzzer.ts';

const yaml: FuzzTarget = {
  name: 'config',
  seeds: [
    'upstreams:\n  - { kind: ollama, name: a, url: "http://127.0.0.1:1", sees: restricted }\n',
    'policy: { rules: [ { name: r, when: "label == \'public\'", route: local } ] }\n',
    'listen: &a { port: 1 }\nx: *a\n',
    'log: { level: "${LEVEL:-info}" }\n',
  ],
  tokens: [
    '- ',
    ': ',
    '\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '<<: *a',
    '!!js/function ',
    '!!binary ',
    '${X}',
    '${X:-y}',
    '|',
    '>',
    '---\n',
    '? ',
    '#',
    '"',
    "'",
    '\t',
    'labels',
    'upstreams',
    'policy',
    'classify',
    '__proto__',
  ],
  check(input) {
    const loaded = parseConfig(input, '/fuzz.yaml', { X: 'from-environment' });
    assert.ok(loaded.kind === 'config' || loaded.problems.length > 0);
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  },
};

const rules = (name: string, ending: string, seeds: readonly string[], tokens: readonly string[]): FuzzTarget => ({
  name,
  seeds,
  tokens,
  check(input) {
    const loaded = loadRuleFile(`x${ending}`, input, new Set(['EMAIL_ADDRESS', 'PERSON']));
    if (loaded.kind === 'invalid') {
      assert.ok(loaded.problems.length > 0);
      for (const problem of loaded.problems) assert.ok(Number.isInteger(problem.line) && problem.line >= 1);
    }
  },
});
const gitleaks = rules(
  'gitleaks',
  '.toml',
  [
    '[[rules]]\nid = "x"\ndescription = "d"\nregex = \'\'\'(?i)\\b(tok_[a-z0-9]{10,20})\\b\'\'\'\nkeywords = ["tok_"]\nentropy = 3.5\n[[rules.allowlists]]\nregexes = ["tok_x"]\n',
  ],
  [
    '[[rules]]\n',
    'id = "y"\n',
    'regex = ',
    "'''",
    'keywords = [',
    '(?i)',
    '(?:',
    '{1,1000}',
    '+)+',
    '\\b',
    '[a-z]',
    '(?=',
    '\\1',
    'allowlist',
    '[extend]\n',
    'path = ',
  ],
);
const presidio = rules(
  'presidio',
  '.yaml',
  [
    'recognizers:\n  - name: x\n    supported_entity: X\n    patterns:\n      - { name: p, regex: "\\\\bx[0-9]{5}\\\\b", score: 0.5 }\n    context: [a, b]\n',
    'x: &a 1\ny: *a\n',
  ],
  [
    'recognizers:',
    '*a',
    '&a ',
    '  - name: ',
    'patterns:',
    'regex: ',
    'score: ',
    'deny_list:',
    'type: predefined',
    'supported_languages:',
    '(a+)+$',
    '(?<x>',
    '\\p{L}',
    '{',
    '}',
    '[',
    ']',
  ],
);

const condition: FuzzTarget = {
  name: 'condition',
  seeds: [
    'label == "public" && complexity > 0.5',
    '"PERSON" in entities',
    'tools.exists(t, t.startsWith("x"))',
    'size(entities) > 2 ? true : false',
  ],
  tokens: [
    '&&',
    '||',
    '!',
    '(',
    ')',
    'in',
    'label',
    'entities',
    'size(',
    '.exists(x, ',
    '.all(x, ',
    '"a"',
    '[',
    ']',
    '1',
    '1.0',
    '==',
    '?',
    ':',
    '.matches("(a+)+$")',
  ],
  check(input) {
    const compiled = compileCondition(input);
    if (compiled.kind !== 'condition') return;
    const result = compiled.test({
      label: 'public',
      verdict: 'clean',
      entities: ['PERSON'],
      signals: [],
      complexity: 0.5,
      band: 'simple',
      model: 'm',
      tools: ['exec'],
      principal: 'p',
      protocol: 'openai-chat',
      chars: 5,
      turns: 1,
    });
    assert.ok(['yes', 'no', 'failed'].includes(result));
  },
};

export const RULES: readonly FuzzTarget[] = [yaml, gitleaks, presidio, condition];
