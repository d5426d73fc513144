import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWordPiece } from '../../../classifiers/deep/word-piece.ts';

const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'karin', 'hol', '##m', '##berg', ',', 'call', 'uber'].join(
  '\n',
);
const words = createWordPiece(VOCABULARY, true);
const cut = (text: string): readonly (readonly [number, string])[] =>
  words?.cut(text).map(({ id, start, end }) => [id, text.slice(start, end)] as const) ?? [];

describe('WordPiece', () => {
  it('takes the longest pieces and says where they stand', () => {
    expect(cut('Call Karin Holmberg, Über')).toEqual([
      [9, 'Call'],
      [4, 'Karin'],
      [5, 'Hol'],
      [6, 'm'],
      [7, 'berg'],
      [8, ','],
      [10, 'Über'],
    ]);
  });

  it('a word with a piece nobody knows is unknown as a whole', () => {
    expect(cut('karinx')).toEqual([[1, 'karinx']]);
    expect(cut('k'.repeat(200))).toEqual([[1, 'k'.repeat(200)]]);
  });

  it('a vocabulary without its marks is refused', () => {
    expect(createWordPiece('a\nb', false)).toBeUndefined();
  });

  it('property: pieces stand in order, inside the text, and cover every word', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        let at = 0;
        let holds = true;
        for (const { start, end } of words?.cut(text) ?? []) {
          holds &&= start >= at && end > start && text.slice(at, start).trim() === '';
          at = end;
        }
        expect(holds && at <= text.length).toBe(true);
      }),
    );
  });
});
