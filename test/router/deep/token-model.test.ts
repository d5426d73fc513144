/**
 * A real ONNX model through the real onnxruntime-node, where that package can be found: the model is made here, one Gather over a table
 * that gives each token its label. Without the package the runs are skipped, and what is said of its absence is tested.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../config/load.ts';
import { openTokenModel } from '../../../router/deep/token-model.ts';

const WORDS = ['[UNK]', '[CLS]', '[SEP]', 'call', 'karin', 'hol', '##mberg', 'in', 'oslo'];
const LABELS = ['O', 'B-PERSON', 'I-PERSON', 'B-LOCATION'];
const LABEL_OF: Readonly<Record<string, number>> = { karin: 1, hol: 2, '##mberg': 2, oslo: 3 };

/** Where a developer keeps the package outside the project: SLUICE_TEST_ONNX names the folder. */
const FROM = [process.env['SLUICE_TEST_ONNX'] ?? ''].filter((folder) => folder !== '');
const installed = [import.meta.url, ...FROM.map((folder) => join(folder, 'x.js'))].some((place) => {
  try {
    createRequire(place).resolve('onnxruntime-node');
    return true;
  } catch {
    return false;
  }
});
if (!installed) process.stderr.write('skipped: onnxruntime-node is not installed, no ONNX model is run\n');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-onnx-'));
  writeFileSync(join(folder, 'vocab.txt'), WORDS.join('\n'));
  writeFileSync(join(folder, 'model.onnx'), tableModel());
  writeFileSync(join(folder, 'broken.onnx'), 'no model');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = (change: object = {}) => ({
  model: join(folder, 'model.onnx'),
  vocabulary: join(folder, 'vocab.txt'),
  labels: LABELS,
  lowerCase: true,
  threshold: 0.5,
  maxTokens: 16,
  ...change,
});
const TEXT = 'Call Karin Holmberg in Oslo';

describe.skipIf(!installed)('an ONNX model', () => {
  it('gives spans in the text, its pieces joined', async () => {
    const opened = await openTokenModel(settings(), FROM);
    if (opened.kind !== 'model') throw new Error(opened.message);
    const answer = await opened.model.read(TEXT, new AbortController().signal);
    if (answer.kind !== 'spans') throw new Error(answer.cause);
    expect(answer.spans.map(({ entity, start, end }) => [entity, TEXT.slice(start, end)])).toEqual([
      ['PERSON', 'Karin Holmberg'],
      ['LOCATION', 'Oslo'],
    ]);
    for (const { score } of answer.spans) expect(score).toBeGreaterThan(0.9);
  });

  it('reads long texts in pieces and finds what stands in each', async () => {
    const opened = await openTokenModel(settings(), FROM);
    if (opened.kind !== 'model') throw new Error(opened.message);
    const long = `${'call '.repeat(100)}${TEXT}`;
    const answer = await opened.model.read(long, new AbortController().signal);
    expect(answer).toMatchObject({ kind: 'spans' });
    expect(answer.kind === 'spans' && answer.spans.some(({ entity }) => entity === 'LOCATION')).toBe(true);
  });

  it('is refused or fails where it does not fit its labels', async () => {
    const opened = await openTokenModel(settings({ labels: ['O', 'PERSON'] }), FROM);
    if (opened.kind !== 'model') throw new Error(opened.message);
    expect(await opened.model.read(TEXT, new AbortController().signal)).toEqual({ kind: 'failed', cause: 'threw' });
    expect(await openTokenModel(settings({ model: join(folder, 'broken.onnx') }), FROM)).toMatchObject({
      kind: 'invalid',
      path: 'classify.deep.tokenModel.model',
    });
    expect(await openTokenModel(settings({ vocabulary: join(folder, 'none.txt') }), FROM)).toMatchObject({
      kind: 'invalid',
      path: 'classify.deep.tokenModel.vocabulary',
    });
  });
});

describe.skipIf(installed)('without onnxruntime-node', () => {
  it('a configured model is a problem that says what to install', async () => {
    expect(await openTokenModel(settings(), [])).toMatchObject({
      kind: 'invalid',
      path: 'classify.deep.tokenModel.model',
      message: expect.stringContaining('npm install onnxruntime-node') as unknown,
    });
  });
});

it('paths are those beside the configuration file', () => {
  const loaded = parseConfig(
    'classify: { deep: { tokenModel: { model: m.onnx, vocabulary: v.txt, labels: [O, PERSON] } } }',
    '/etc/sluice/sluice.yaml',
    {},
  );
  expect(loaded).toMatchObject({
    config: { classify: { deep: { tokenModel: { model: '/etc/sluice/m.onnx', vocabulary: '/etc/sluice/v.txt' } } } },
  });
});

/** ONNX is a protocol buffer: fields by number (onnx.proto), lengths before what has one. */
function tableModel(): Buffer {
  const varint = (value: number): number[] => {
    const out: number[] = [];
    for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
    return [...out, value];
  };
  const bytes = (field: number, value: Buffer | string): Buffer => {
    const content = Buffer.from(value as string);
    return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
  };
  const number = (field: number, value: number): Buffer => Buffer.from([...varint(field * 8), ...varint(value)]);
  const table = new Float32Array(WORDS.length * LABELS.length);
  for (const [index, word] of WORDS.entries()) table[index * LABELS.length + (LABEL_OF[word] ?? 0)] = 8;
  const tensor = Buffer.concat([
    number(1, WORDS.length),
    number(1, LABELS.length),
    number(2, 1),
    bytes(8, 'table'),
    bytes(9, Buffer.from(table.buffer)),
  ]);
  const value = (name: string, type: number, dims: readonly (number | string)[]): Buffer => {
    const shape = Buffer.concat(dims.map((dim) => bytes(1, typeof dim === 'number' ? number(1, dim) : bytes(2, dim))));
    return Buffer.concat([bytes(1, name), bytes(2, bytes(1, Buffer.concat([number(1, type), bytes(2, shape)])))]);
  };
  const gather = Buffer.concat([bytes(1, 'table'), bytes(1, 'input_ids'), bytes(2, 'logits'), bytes(4, 'Gather')]);
  const graph = Buffer.concat([
    bytes(1, gather),
    bytes(2, 'graph'),
    bytes(5, tensor),
    bytes(11, value('input_ids', 7, [1, 'tokens'])),
    bytes(12, value('logits', 1, [1, 'tokens', LABELS.length])),
  ]);
  return Buffer.concat([number(1, 8), bytes(7, graph), bytes(8, number(2, 17))]);
}
