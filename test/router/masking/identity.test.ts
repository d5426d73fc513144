import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../classifiers/finding.ts';
import { createMasker } from '../../../router/masking/mask.ts';
import { tokenPattern } from '../../../router/masking/placeholder.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { newMap, document, finding, chat, contentOf, restoreText } from './findings.ts';

describe('masking and restoring', () => {
  const value = fc.oneof(
    fc.constantFrom('ann@x.org', '4111 1111 1111 1111', 'a"b\\c\n', '😀é', '[[', ']]', '[[A_bcdfghjkmn]]', '$&$1'),
    fc.string({ minLength: 2, maxLength: 12 }),
  );
  const filler = fc.oneof(
    fc.string({ maxLength: 10 }),
    fc.constantFrom('[', '[[', ']]', '{"a":', '"', '[[EMAIL_ADDRESS_', '\\', '—', '[[EMAIL_ADDRESS_bcdfghjkmn]]'),
  );

  it('bring back every text, the masked one holding no value, whatever stands around it and wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(filler, value), { minLength: 1, maxLength: 6 }),
        filler,
        fc.array(fc.nat(400), { maxLength: 8 }),
        (pairs, end, cuts) => {
          const text = pairs.map(([before, each]) => before + each).join('') + end;
          fc.pre(text.isWellFormed());
          const map = newMap();
          const findings: Finding[] = [];
          let at = 0;
          for (const [before, each] of pairs) {
            findings.push(finding('/messages/0/content', at + before.length, at + before.length + each.length));
            at += before.length + each.length;
          }
          const masked = createMasker(map).mask(document(chat(text)), findings);
          // What happens to read as JSON is masked leaf by leaf, and may not be maskable at all.
          fc.pre(masked.kind === 'masked' && !/^\s*[[{]/.test(text));
          const out = contentOf(JSON.parse((masked as { source: string }).source));
          // What the text around says by itself is no value of ours.
          const around = pairs.map(([before]) => before).join('\u0001') + end;
          const values = pairs.map(([, each]) => each).filter((each) => each.length > 6 && !tokenPattern().test(each));
          const left = out.replaceAll(tokenPattern(), '\u0001');
          expect(values.filter((each) => left.includes(each) && !around.includes(each))).toEqual([]);
          expect(restoreText(out, map)).toBe(text);
          const restorer = createRestorer(map);
          const edges = [0, ...cuts.map((cut) => Math.min(cut, out.length)).toSorted((a, b) => a - b), out.length];
          let streamed = '';
          for (let index = 1; index < edges.length; index++)
            streamed += restorer.push('s', out.slice(edges[index - 1], edges[index]), 'text');
          expect(streamed + restorer.flush('s')).toBe(text);
          // The client replays what it was given: masked again, the same way.
          expect(createMasker(map).mask(document(chat(text)), findings)).toEqual(masked);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('bring back tool arguments as JSON of the same value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(value, fc.integer(), fc.array(value))),
        value,
        (given, planted) => {
          fc.pre(planted.isWellFormed() && JSON.stringify(given).isWellFormed());
          const map = newMap();
          const text = JSON.stringify({ ...given, planted: `x${planted}y` });
          const body = document({
            messages: [{ role: 'assistant', tool_calls: [{ id: 'i', function: { name: 'f', arguments: text } }] }],
          });
          const masked = createMasker(map).mask(body, [
            finding('/messages/0/tool_calls/0/function/arguments#/planted', 1, planted.length + 1),
          ]);
          expect(masked.kind).toBe('masked');
          const root = JSON.parse((masked as { source: string }).source) as {
            messages: { tool_calls: { function: { arguments: string } }[] }[];
          };
          const out = root.messages[0]!.tool_calls[0]!.function.arguments;
          expect((JSON.parse(out) as { planted: string }).planted).toMatch(/^x\[\[.{1,40}\]\]y$/s);
          expect(JSON.parse(restoreText(out, map, 'json'))).toEqual(JSON.parse(text));
        },
      ),
    );
  });
});
