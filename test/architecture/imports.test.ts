import { describe, expect, it } from 'vitest';
import { importsOf, type Layer, LAYERS, layerOf, readSources } from './tree.ts';

const MAY_IMPORT: Readonly<Record<Layer, readonly string[]>> = {
  config: [],
  classifiers: ['config'],
  sandbox: ['config'],
  router: ['classifiers', 'sandbox', 'config'],
};
const files = readSources();
const edges = files.flatMap((file) =>
  file.imports.flatMap((specifier) =>
    layerOf(file.path, specifier) === undefined
      ? []
      : [
          {
            from: file.path,
            layer: file.path.split('/')[0] as Layer,
            to: layerOf(file.path, specifier) ?? '',
            specifier,
          },
        ],
  ),
);

/** Packages and modules with one door. `only` are path prefixes. */
const DOORS: readonly { readonly module: RegExp; readonly only: readonly string[] }[] = [
  { module: /^undici$/, only: ['router/upstreams/door.ts', 'router/upstreams/exchange.ts'] },
  { module: /^(node:)?child_process$/, only: ['sandbox/backends/', 'sandbox/broker/start.ts'] },
  { module: /^@redactpii\/node$/, only: ['classifiers/recognizers/redactpii.ts'] },
  {
    module: /^(hono|@hono\/node-server)(\/|$)/,
    only: [
      'router/app.ts',
      'router/listen.ts',
      'router/http/app-env.ts',
      'router/sandbox-surface/',
      'router/responses/routes.ts',
    ],
  },
  { module: /^(node:)?sqlite$/, only: ['router/store/sqlite.ts'] },
  { module: /^ws$/, only: ['router/http/web-sockets.ts'] },
  { module: /^pg$/, only: ['router/store/postgres.ts'] },
];
/** What classifiers may not touch: they read text and nothing else. */
const CLASSIFIERS_FORBIDDEN =
  /^(undici|openai|ollama|hono|node:(fs|fs\/promises|http|https|http2|net|tls|dgram|dns|child_process|worker_threads|os|process))$/;

describe('imports', () => {
  it('were looked at', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(edges.length).toBeGreaterThan(100);
    for (const layer of LAYERS)
      expect(
        edges.some((edge) => edge.layer === layer),
        layer,
      ).toBe(true);
  });

  it('would be caught: a planted edge is read as one', () => {
    expect(
      importsOf(
        'classifiers/x.ts',
        "import { a } from '../router/app.ts';\nexport { b } from '../sandbox/plan.ts';\nawait import('undici');",
      ),
    ).toEqual(['../router/app.ts', '../sandbox/plan.ts', 'undici']);
    expect(layerOf('classifiers/deep/x.ts', '../../router/app.ts')).toBe('router');
  });

  it('only point downwards', () => {
    const upward = edges.filter((edge) => ![edge.layer, ...MAY_IMPORT[edge.layer]].includes(edge.to));
    expect(upward.map((edge) => `${edge.from} -> ${edge.specifier}`)).toEqual([]);
  });

  it.each(DOORS.map((door) => [String(door.module), door] as const))('%s has one door', (_, door) => {
    const users = files.filter((file) => file.imports.some((specifier) => door.module.test(specifier)));
    expect(users.length, 'nobody imports it: the rule looks at nothing').toBeGreaterThan(0);
    expect(
      users.map((file) => file.path).filter((path) => !door.only.some((prefix) => path.startsWith(prefix))),
    ).toEqual([]);
  });

  it('keep classifiers free of I/O', () => {
    const broken = files
      .filter((file) => file.path.startsWith('classifiers/') && !file.path.startsWith('classifiers/training/'))
      .flatMap((file) =>
        file.imports
          .filter((specifier) => CLASSIFIERS_FORBIDDEN.test(specifier))
          .map((specifier) => `${file.path} -> ${specifier}`),
      );
    expect(broken).toEqual([]);
  });

  it('keep training scripts out of what runs', () => {
    expect(
      files
        .filter((file) => !file.path.startsWith('classifiers/training/'))
        .filter((file) => file.imports.some((specifier) => specifier.includes('/training/')))
        .map((file) => file.path),
    ).toEqual([]);
  });
});

describe('words that stand once', () => {
  const rows: readonly (readonly [string, RegExp, readonly string[]])[] = [
    [
      '`as Cleared` makes clearance, so only clearance.ts may write it',
      /\bas (unknown as )?Cleared\b/,
      ['router/clearance.ts'],
    ],
    [
      'process.env is read where configuration is loaded and handed on by commands',
      /\bprocess\.env\b/,
      ['router/commands/', 'sandbox/broker/', 'sandbox/attack/', 'config/'],
    ],
    [
      'Secret values are revealed where bytes are written',
      /\.reveal\(\)/,
      ['router/upstreams/', 'router/store/postgres.ts', 'router/audit/signer.ts', 'router/sessions/key.ts'],
    ],
  ];
  it.each(rows)('%s', (_, pattern, only) => {
    const users = files.filter((file) => pattern.test(file.text));
    expect(users.length).toBeGreaterThan(0);
    expect(users.map((file) => file.path).filter((path) => !only.some((prefix) => path.startsWith(prefix)))).toEqual(
      [],
    );
  });

  it('the web’s fetch is called by nobody: it costs five to eight times as much and follows redirects', () => {
    const users = files
      .filter((file) => !file.path.startsWith('classifiers/training/'))
      .filter((file) => /(?<![.\w])fetch\(/.test(file.text.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, '')));
    expect(users.map((file) => file.path)).toEqual([]);
  });
});
