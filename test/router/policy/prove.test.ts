import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../config/load.ts';
import { provePolicy } from '../../../router/policy/prove.ts';

const HOME = '{ kind: ollama, name: home, url: "http://127.0.0.1:11434", sees: restricted }';
const SKY = '{ kind: openai, name: sky, url: "https://sky.example/v1", model: big, sees: public }';

function problems(yaml: string): readonly string[] {
  const loaded = parseConfig(yaml, 'test.yaml', {});
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  return provePolicy(loaded.config, loaded.config.upstreams).map((problem) => `${problem.path}: ${problem.message}`);
}
const CAVE = '{ kind: ollama, name: cave, url: "http://127.0.0.1:11435", sees: internal }';
const STAR = '{ kind: anthropic, name: star, model: brainy, sees: internal }';
const pools = (more: string): string => `upstreams: [${HOME}, ${CAVE}, ${SKY}, ${STAR}]\n${more}`;
const rules = (rule: string): string => `upstreams: [${HOME}, ${SKY}]\npolicy: { rules: [${rule}] }`;

describe('provePolicy()', () => {
  it('finds nothing in the defaults', () => {
    expect(problems(`upstreams: [${HOME}, ${SKY}]`)).toEqual([]);
  });

  it('finds nothing in pools of one side, and in aliases that lead somewhere', () => {
    expect(
      problems(
        pools(
          'pools: { in: { members: [home, cave] }, out: { members: [star, sky], weights: { star: 2 } } }\naliases: { best: { upstream: out, model: brainy }, own: { upstream: in } }',
        ),
      ),
    ).toEqual([]);
  });

  const broken: readonly [string, string, RegExp][] = [
    [
      'a pool that leads from a local server to the cloud',
      pools('pools: { all: { members: [home, sky] } }'),
      /^pools\.all\.members: pool "all" could send what local "home" was asked to the cloud "sky"/,
    ],
    ['a pool of nobody', pools('pools: { p: { members: [moon] } }'), /pool "p" names "moon", which is no upstream/],
    [
      'a pool with the name of an upstream',
      pools('pools: { sky: { members: [star] } }'),
      /has the name of an upstream/,
    ],
    ['a weight of no member', pools('pools: { p: { members: [sky], weights: { star: 1 } } }'), /weighs "star"/],
    [
      'a rule to a pool above its lowest member',
      pools(
        'pools: { out: { members: [star, sky] } }\npolicy: { rules: [{ name: leak, when: "true", upToLabel: internal, route: cloud, upstream: out }] }',
      ),
      /rule "leak" could send internal content to "out": set upToLabel to at most public .*its lowest member/,
    ],
    [
      'a rule to the cloud by default, which is the pool',
      pools(
        'pools: { out: { members: [star, sky] } }\npolicy: { rules: [{ name: leak, when: "true", upToLabel: internal, route: cloud }] }',
      ),
      /rule "leak" could send internal content to "out"/,
    ],
    [
      'a local rule to a pool of clouds',
      pools(
        'pools: { out: { members: [star, sky] } }\npolicy: { rules: [{ name: r, when: "true", route: local, upstream: out }] }',
      ),
      /routes local but names the cloud upstream "out"/,
    ],
    ['an alias to nowhere', pools('aliases: { best: { upstream: moon } }'), /alias "best" leads to "moon"/],
    [
      'an alias to a model that is not there',
      pools('aliases: { best: { upstream: sky, model: tiny } }'),
      /asks "sky" for "tiny"/,
    ],
    ['an alias that hides the router', pools('aliases: { auto: { upstream: sky } }'), /cannot be an alias/],
    [
      'a rule to cloud without a bound',
      rules('{ name: leak, when: "true", route: cloud }'),
      /^policy\.rules\[0\]\.upToLabel: rule "leak" could send restricted content to "sky": set upToLabel to at most public/,
    ],
    [
      'a rule to cloud bounded too high',
      rules('{ name: leak, when: "true", upToLabel: internal, route: cloud, upstream: sky }'),
      /rule "leak" could send internal content/,
    ],
    [
      'a masking rule above maskUpTo',
      rules('{ name: m, when: "true", upToLabel: restricted, route: cloud-masked }'),
      /at most confidential \(policy\.maskUpTo\)/,
    ],
    [
      'a rule to an upstream that is not there',
      rules('{ name: r, when: "true", upToLabel: public, route: cloud, upstream: moon }'),
      /names upstream "moon", which does not exist/,
    ],
    [
      'a cloud rule naming a local upstream',
      rules('{ name: r, when: "true", upToLabel: public, route: cloud, upstream: home }'),
      /names the local upstream/,
    ],
    [
      'a local rule naming a cloud upstream',
      rules('{ name: r, when: "true", route: local, upstream: sky }'),
      /routes local but names the cloud upstream/,
    ],
    [
      'a condition that is not CEL',
      rules('{ name: r, when: "label ==", route: local }'),
      /^policy\.rules\[0\]\.when: rule "r"/,
    ],
    [
      'a condition on what does not exist',
      rules('{ name: r, when: "prompt == \'x\'", route: local }'),
      /rule "r": .*prompt/,
    ],
    ['a condition that is no truth value', rules('{ name: r, when: "1 + 1", route: local }'), /not a truth value/],
    [
      'a label off the ladder',
      `upstreams: [${HOME}]\nclassify: { entities: { X: { label: secret } } }`,
      /^classify\.entities\.X\.label: label "secret" is not on the ladder/,
    ],
    [
      'an upstream label off the ladder',
      'upstreams: [{ kind: openai, name: s, url: "https://s.example/v1", model: m, sees: all }]',
      /^upstreams\[0\]\.sees/,
    ],
    ['two upstreams of one name', `upstreams: [${HOME}, ${HOME}]`, /two upstreams are named "home"/],
    [
      'a fallback to local models that may see less',
      `upstreams: [{ kind: ollama, name: home, url: "http://127.0.0.1:11434", sees: public }, { kind: openai, name: sky, url: "https://sky.example/v1", model: big, sees: internal }]`,
      /^policy\.onCloudFailure: falls back from "sky"/,
    ],
    [
      'a rule to cloud where there is none',
      `upstreams: [${HOME}]\npolicy: { rules: [{ name: r, when: "true", upToLabel: public, route: cloud }] }`,
      /no cloud upstream is configured/,
    ],
  ];
  it.each(broken)('names %s', (_, yaml, expected) => {
    const found = problems(yaml);
    expect(
      found.some((each) => expected.test(each)),
      found.join('\n'),
    ).toBe(true);
  });
});
