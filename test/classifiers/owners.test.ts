/** What one owner has sent may not be told from how fast another is answered: nothing that is remembered of texts is shared. */
import { describe, expect, it } from 'vitest';
import type { Classification, Classifier } from '../../classifiers/classifier.ts';
import { withDeepTier } from '../../classifiers/deep/deep-tier.ts';
import type { Finding } from '../../classifiers/finding.ts';
import { ownerKey } from '../../classifiers/keyed-memory.ts';
import type { Recognizer } from '../../classifiers/recognizer.ts';
import { Deep } from '../../config/deep-schema.ts';
import { classifierOf, configOf, LABELS, literalRecognizer, NEVER_ABORTED, segmentOf } from './engine-fixture.ts';

const how = { signal: NEVER_ABORTED, nearMisses: 'omit' } as const;
const TEXT = 'the badge of the visitor is kept at the front desk';

/** A recognizer that counts how often it was asked. */
function counting(): { readonly recognizer: Recognizer; readonly asked: () => number } {
  const inner = literalRecognizer('badge', 'badge', 'BADGE', 1);
  let asked = 0;
  return {
    recognizer: {
      ...inner,
      find(input, window, report) {
        asked += 1;
        inner.find(input, window, report);
      },
    },
    asked: () => asked,
  };
}

function owned(classifier: Classifier, owner: string): Classifier {
  const own = classifier.apart?.(owner);
  if (own === undefined) throw new Error('nothing is kept apart');
  return own;
}

const said = (answer: Classification | readonly Finding[]): unknown => ('verdict' in answer ? answer.verdict : answer);

describe('memories of owners', () => {
  const config = { entities: { BADGE: { label: 'internal' } } };

  it.each([
    ['a text', (each: Classifier) => each.classify([segmentOf(TEXT)], [], how)],
    [
      'a block',
      (each: Classifier) =>
        each.classifyBlocks(
          [{ key: 'block', pointer: '/messages/0', read: () => ({ segments: [segmentOf(TEXT)], gaps: [] }) }],
          [],
          how,
        ),
    ],
    [
      'what leaves',
      (each: Classifier) => Promise.resolve(each.rescan(JSON.stringify({ messages: [TEXT] }), 'restricted')),
    ],
  ])('%s is known to who sent it and to nobody else', async (_what, ask) => {
    const { recognizer, asked } = counting();
    const all = classifierOf(config, { recognizers: [recognizer] });
    const [ann, bob] = [owned(all, 'ann'), owned(all, 'bob')];
    const first = await ask(ann);
    const once = asked();
    expect(once).toBeGreaterThan(0);
    expect(said(await ask(ann))).toEqual(said(first));
    // The same owner by another object, as after a context was narrowed anew.
    await ask(owned(all, 'ann'));
    expect(asked()).toBe(once);
    for (const other of [bob, owned(all, 'an'), all]) {
      const before = asked();
      const answer = await ask(other);
      expect(said(answer)).toEqual(said(first));
      expect(asked() - before).toBe(once);
    }
  });

  it('what the classifier read for one is not what the door knows for another', async () => {
    const { recognizer, asked } = counting();
    const all = classifierOf(config, { recognizers: [recognizer] });
    await owned(all, 'ann').classify([segmentOf(TEXT, { hint: 'messages' })], [], how);
    const read = asked();
    owned(all, 'ann').rescan(JSON.stringify({ messages: TEXT }), 'restricted');
    expect(asked()).toBe(read);
    owned(all, 'bob').rescan(JSON.stringify({ messages: TEXT }), 'restricted');
    expect(asked()).toBeGreaterThan(read);
  });

  it('the deep tier asks its models again for another owner', async () => {
    let asked = 0;
    const model = {
      name: 'model',
      read: () => {
        asked += 1;
        return Promise.resolve({ kind: 'spans' as const, spans: [] });
      },
    };
    const deep = Deep.parse({ doubt: ['BADGE'] });
    const plain = classifierOf({ entities: { BADGE: { label: 'public' } } }, { recognizers: [counting().recognizer] });
    const all = withDeepTier(plain, [model], deep, configOf({ entities: { BADGE: { label: 'public' } } }), LABELS);
    for (const [owner, times] of [
      ['ann', 1],
      ['ann', 1],
      ['bob', 2],
    ] as const) {
      await owned(all, owner).classify([segmentOf(TEXT)], [], how);
      expect(asked).toBe(times);
    }
  });

  it('no owner’s keys begin with another’s', () => {
    const owners = ['', 'a', 'ab', 'a b', '1:a', 'a 1:b', ' '];
    const clashes = owners.flatMap((one) =>
      owners.filter((other) => one !== '' && one !== other && `${ownerKey(other)}x`.startsWith(ownerKey(one))),
    );
    expect(clashes).toEqual([]);
  });
});
