/**
 * WordPiece, as BERT's tokenizers cut text: words and single marks, then the longest pieces of the vocabulary, `##` inside a word. Keeps
 * where each piece stands, so that a label of a piece is a place in the text. Pure; a vocabulary without its four marks is refused.
 */
export interface Piece {
  readonly id: number;
  /** In UTF-16 units of the text. */
  readonly start: number;
  readonly end: number;
}

export interface WordPiece {
  readonly cls: number;
  readonly sep: number;
  cut(text: string): readonly Piece[];
}

/** A longer word is unknown as a whole, as in the reference. */
const LONGEST_WORD = 100;
const WORD = /[\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}]/gu;
const MARKS = ['[UNK]', '[CLS]', '[SEP]'] as const;

/** createWordPiece reads a vocabulary, one token a line; undefined when it lacks a mark. */
export function createWordPiece(vocabulary: string, lowerCase: boolean): WordPiece | undefined {
  const ids = new Map(vocabulary.split(/\r?\n/).map((token, index) => [token, index]));
  const [unknown, cls, sep] = MARKS.map((mark) => ids.get(mark));
  if (unknown === undefined || cls === undefined || sep === undefined) return undefined;
  const longest = Math.max(...[...ids.keys()].map((token) => token.length));
  return {
    cls,
    sep,
    cut(text) {
      const pieces: Piece[] = [];
      for (const match of text.matchAll(WORD)) cutWord(match[0], match.index, pieces);
      return pieces;
    },
  };

  function cutWord(word: string, at: number, pieces: Piece[]): void {
    const begin = pieces.length;
    for (let start = 0; start < word.length;) {
      let end = Math.min(word.length, start + longest);
      let id: number | undefined;
      for (; end > start; end--) {
        id = ids.get((start === 0 ? '' : '##') + fold(word.slice(start, end)));
        if (id !== undefined) break;
      }
      if (id === undefined || word.length > LONGEST_WORD) {
        pieces.length = begin;
        pieces.push({ id: unknown ?? 0, start: at, end: at + word.length });
        return;
      }
      pieces.push({ id, start: at + start, end: at + end });
      start = end;
    }
  }

  function fold(piece: string): string {
    return lowerCase ? piece.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '') : piece;
  }
}
