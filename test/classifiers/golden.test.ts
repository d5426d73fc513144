/**
 * Rows written for this project, test/golden/classify/*.jsonl: what must be seen and what must be left alone, in many shapes and five languages. Bars over
 * all of them, and every row that is known to go wrong by name, so that a change that loses one says which.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createClassifier } from '../../classifiers/classify.ts';
import { builtInRecognizers, builtInTaggers } from '../../classifiers/registry.ts';
import { Classify } from '../../config/schema.ts';

const FOLDER = join(import.meta.dirname, '../golden/classify');
const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const LEAST_CAUGHT = 0.97;
const MOST_FLAGGED = 0.02;

/** Rows that go wrong today, and why. A row that is right again must leave the list. */
const KNOWN: Readonly<Record<string, string>> = {
  'n-famous-42-3': 'a public figure who is not on the list of them',
};

interface GoldenRow {
  readonly id: string;
  readonly source: string;
  readonly label: 'sensitive' | 'safe';
  readonly text: string;
}

const rows = readdirSync(FOLDER).flatMap((name) =>
  readFileSync(join(FOLDER, name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as GoldenRow),
);
// No clock decides a test: a loaded machine must not turn a row into an unread one.
const classifier = createClassifier(Classify.parse({ deadlineMs: 60_000 }), LABELS, {
  recognizers: builtInRecognizers(),
  taggers: builtInTaggers(),
});

/** Whether the row stays inside: not clean, or an attempt on the policy. */
async function isHeld(text: string): Promise<boolean> {
  const { verdict, signals } = await classifier.classify(
    [{ pointer: '/messages/0/content', role: 'user', form: 'text', text, hint: '', flow: 0 }],
    [],
    { signal: new AbortController().signal, nearMisses: 'omit' },
  );
  return verdict.kind !== 'clean' || signals.some(({ kind }) => kind === 'control-text' || kind === 'evasion');
}

describe('the golden corpus', () => {
  const wrong = new Set<string>();
  beforeAll(async () => {
    for (const { id, label, text } of rows) if ((await isHeld(text)) !== (label === 'sensitive')) wrong.add(id);
  });
  const of = (label: GoldenRow['label']): readonly GoldenRow[] => rows.filter((row) => row.label === label);

  it('is there: hundreds of rows of each label, no id twice', () => {
    expect(of('sensitive').length).toBeGreaterThan(200);
    expect(of('safe').length).toBeGreaterThanOrEqual(of('sensitive').length);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    expect(new Set(rows.map(({ text }) => text)).size).toBe(rows.length);
  });

  it('sensitive rows are caught', () => {
    const caught = of('sensitive').filter(({ id }) => !wrong.has(id)).length / of('sensitive').length;
    expect(caught).toBeGreaterThanOrEqual(LEAST_CAUGHT);
  });

  it('safe rows are left alone', () => {
    const flagged = of('safe').filter(({ id }) => wrong.has(id)).length / of('safe').length;
    expect(flagged).toBeLessThanOrEqual(MOST_FLAGGED);
  });

  it('goes wrong only where it is known to, and everywhere it is known to', () => {
    expect([...wrong].toSorted()).toEqual(Object.keys(KNOWN).toSorted());
  });
});
