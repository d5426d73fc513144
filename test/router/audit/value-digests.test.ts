import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Block } from '../../../classifiers/block.ts';
import type { Finding } from '../../../classifiers/finding.ts';
import type { Segment } from '../../../classifiers/segment.ts';
import { ValueDigester } from '../../../router/audit/receipt.ts';

const installation = randomBytes(32);
const derived = Buffer.from(hkdfSync('sha256', installation, Buffer.alloc(0), 'sluice audit values', 32));
const hmac = (text: string): string => createHmac('sha256', derived).update(text).digest('hex').slice(0, 24);

const segment = (pointer: string, text: string, form: Segment['form'] = 'text'): Segment =>
  ({ pointer, text, form, role: 'user', hint: '', flow: 0 }) as unknown as Segment;
const finding = (pointer: string, start: number, end: number): Finding =>
  ({ entity: 'EMAIL_ADDRESS', score: 1, span: { segment: pointer, start, end } }) as unknown as Finding;

/** Blocks that count how often they are read. */
function request(
  texts: Readonly<Record<string, string>>,
  key: (pointer: string) => string = (each) => `key of ${each}`,
) {
  const reads: string[] = [];
  const blocks = new Map(
    Object.entries(texts).map(([pointer, text]): [string, Block] => [
      pointer,
      {
        key: key(pointer),
        pointer,
        read: () => {
          reads.push(pointer);
          return {
            segments: [segment(`${pointer}/content`, text), segment(`${pointer}/content`, 'a key', 'key')],
            gaps: [],
          };
        },
      },
    ]),
  );
  return {
    reads,
    get segments() {
      reads.push('everything');
      return [...blocks.values()].flatMap((block) => block.read().segments);
    },
    blockAt: (pointer: string) => blocks.get(pointer.replace(/\/content$/, '')),
  };
}

describe('digests of values', () => {
  it('are HMAC-SHA-256 under a key derived from the installation’s, whatever the text', () => {
    const digester = new ValueDigester(installation);
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant('\ud800'), fc.constant('x'.repeat(70_000))),
        (text) => {
          expect(digester.digest(text)).toBe(hmac(text));
        },
      ),
    );
    expect(new ValueDigester(randomBytes(32)).digest('a')).not.toBe(digester.digest('a'));
  });

  it('read only the blocks the findings stand in, and a known block never again', () => {
    const digester = new ValueDigester(installation);
    const first = request({ '/messages/0': 'nothing here', '/messages/1': 'write to jane@example.com today' });
    const found = [finding('/messages/1/content', 9, 25), finding('/messages/1/content', 0, 5)];
    const digests = [hmac('jane@example.com'), hmac('write')];
    expect(digester.findings(found, first)).toEqual(digests);
    expect(first.reads).toEqual(['/messages/1']);

    const again = request({ '/messages/0': 'nothing here', '/messages/1': 'write to jane@example.com today' });
    expect(digester.findings(found, again)).toEqual(digests);
    expect(again.reads).toEqual([]);
  });

  it('of one place in another text are others: what is known goes by the block’s own key', () => {
    const digester = new ValueDigester(installation);
    const ofText = (text: string) =>
      digester.findings(
        [finding('/messages/0/content', 0, 4)],
        request({ '/messages/0': text }, () => text),
      );
    expect(ofText('jane says')).toEqual([hmac('jane')]);
    expect(ofText('john says')).toEqual([hmac('john')]);
  });

  it('of a block that nothing is remembered of are made each time', () => {
    const digester = new ValueDigester(installation);
    for (const text of ['jane says', 'john says']) {
      const asked = request({ '/messages/0': text }, () => '');
      expect(digester.findings([finding('/messages/0/content', 0, 4)], asked)).toEqual([hmac(text.slice(0, 4))]);
      expect(asked.reads).toEqual(['/messages/0']);
    }
  });

  it('come from all segments where a body has no blocks, and are empty where the text is not at hand', () => {
    const digester = new ValueDigester(installation);
    const whole = { segments: [segment('/prompt', 'jane says')] };
    expect(digester.findings([finding('/prompt', 0, 4), finding('/gone', 0, 4)], whole)).toEqual([hmac('jane'), '']);
  });
});
