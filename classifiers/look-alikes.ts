/**
 * Letters of other scripts that look like Latin ones, folded only inside words that mix scripts: `аdmin` with a Cyrillic
 * а is folded, a Russian sentence is not. A subset of Unicode's confusables: single letters a reader cannot tell apart.
 */
import { Rewrite } from './views/rewrite.ts';
import type { Edit, Rewritten } from './views/rewrite.ts';

const CYRILLIC = 'АВЕКМНОРСТУХЅІЈԚԜҮаеорсухіјѕԛԝһԁӏ';
const CYRILLIC_LATIN = 'ABEKMHOPCTYXSIJQWYaeopcyxijsqwhdl';
const GREEK = 'ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονραικυ';
const GREEK_LATIN = 'ABEZHIKMNOPTYXovpaiku';
const OTHER = 'ɑɡʟᴏꜱᴀᴄᴇĸᎪᏟᎬᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᏔᏃ';
const OTHER_LATIN = 'aglosacekACEHJKLMPRSTVWZ';

const LATIN_OF = new Map<string, string>();
for (const [from, to] of [
  [CYRILLIC, CYRILLIC_LATIN],
  [GREEK, GREEK_LATIN],
  [OTHER, OTHER_LATIN],
] as const) {
  const latin = [...to];
  for (const [index, letter] of [...from].entries()) LATIN_OF.set(letter, latin[index] ?? letter);
}

const LOOK_ALIKE = new RegExp(`[${[...LATIN_OF.keys()].join('')}]`, 'u');
const LOOK_ALIKES_ONLY = new RegExp(`^[${[...LATIN_OF.keys()].join('')}0-9]{1,64}$`, 'u');
/** What a value is made of, long enough for keys; a longer run is folded piece by piece. */
const TOKEN = /[\p{L}\p{N}@._%+:/-]{2,512}/gu;
const WORD = /[\p{L}\p{N}]{1,512}/gu;
const LATIN = /[A-Za-z]/;
/** A run of digits this long with letters is an identifier, whatever script its letters have. */
const MANY_DIGITS = /(?:\d\D{0,2}){6}/;

/** foldLookAlikes folds `text`, which is the text of `copy` when there is one; returns `copy` when nothing folds. */
export function foldLookAlikes(text: string, copy: Rewritten | undefined): Rewritten | undefined {
  if (!LOOK_ALIKE.test(text)) return copy;
  const rewrite = new Rewrite(text);
  let kept = 0;
  for (const token of text.matchAll(TOKEN)) {
    if (!LOOK_ALIKE.test(token[0])) continue;
    const latinToken = LATIN.test(token[0]);
    for (const word of token[0].matchAll(WORD)) {
      if (!LOOK_ALIKE.test(word[0])) continue;
      const only = LOOK_ALIKES_ONLY.test(word[0]);
      const folds = LATIN.test(word[0]) || (only && (latinToken || MANY_DIGITS.test(word[0])));
      if (!folds) continue;
      const from = token.index + word.index;
      for (let index = 0; index < word[0].length; index++) {
        const latin = LATIN_OF.get(word[0][index] ?? '');
        if (latin === undefined) continue;
        rewrite.keep(kept, from + index);
        rewrite.replace(from + index, from + index + 1, latin, 'hidden');
        kept = from + index + 1;
      }
    }
  }
  if (kept === 0) return copy;
  rewrite.keep(kept, text.length);
  return copy ? chain(copy, rewrite.build()) : rewrite.build();
}

/** chain reads `outer`, a rewrite of `inner.text`, as a rewrite of inner's source. */
export function chain(inner: Rewritten, outer: Rewritten): Rewritten {
  return {
    text: outer.text,
    toSource: (start, end) => inner.toSource(...outer.toSource(start, end)),
    editIn: (start, end) => strongest(outer.editIn(start, end), inner.editIn(...outer.toSource(start, end))),
  };
}

function strongest(left: Edit, right: Edit): Edit {
  if (left === 'hidden' || right === 'hidden') return 'hidden';
  return left === 'plain' || right === 'plain' ? 'plain' : 'none';
}
