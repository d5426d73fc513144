/**
 * AUTHORSHIP: the name and address somebody put under their own work to be read by whoever reads it: copyright and licence
 * lines, `@author`, `Written by` at the head of a file, authors and maintainers of a package, trailers of a commit. Told
 * apart from PRIVATE_PERSON and EMAIL_ADDRESS, so that a policy decides about them by themselves: public as shipped,
 * internal where repositories are. Fails towards the private: anything but names, addresses and years between the cue and
 * the value, and it is a person like any other.
 */
import { toScore } from '../../finding.ts';
import type { Candidate, Recognizer } from '../../recognizer.ts';

export const AUTHORSHIP = 'AUTHORSHIP';

/** How far back a cue is looked for: a dozen authors. */
const REACH = 480;
/** Anywhere in a line. */
const ANYWHERE = String.raw`["'](?:authors?|maintainers?|contributors?)["'][ \t]{0,4}:|copyright(?![\p{L}])|\(c\)(?=[ \t]{0,8}\d{4})|©|[@\\]authors?(?![\p{L}])`;
/** At the start of a line, behind marks of comments and quotes only. */
const AT_START = String.raw`(?:original |lead |main )?(?:authors?|maintainers?|contributors?|committer|packager|__author__|__credits__|credits|_npmuser)["']?[ \t]{0,4}[:=]|(?:originally |first )?(?:written|created|developed|ported|maintained|contributed|implemented)(?: and maintained)? by(?![\p{L}])|(?:signed-off|co-authored|reviewed|acked|reported|tested|suggested)-by:|#{1,6} (?:authors?|maintainers?|contributors?|credits|acknowledge?ments|thanks)[ \t]{0,8}(?=\n)`;
const CUE = new RegExp(
  String.raw`${ANYWHERE}|(?<=(?:^|\n)[ \t]{0,16}[#*/%;"'.<!>({,-]{0,8}[ \t]{0,8})(?:${AT_START})`,
  'giu',
);
/** A piece of every cue: most texts have none of them near, and the pattern above is asked at every place. */
const SOME_CUE =
  /copyright|\(c\)|©|author|maintain|contribut|committer|packager|credits|acknowle|thanks|npmuser|[ -]by/i;
/** What may stand between a cue and a value, piece by piece: names, initials, addresses, years, and the keys of a package's author. */
const PIECE =
  /^(?:[^\p{L}\p{N}:=]{1,12}|["'([{<*_]{0,4}(?:\p{Lu}[\p{L}'’.-]{0,30}|\p{Lu}\.|\d{4}(?:[-–,]{1,2}(?:\d{2,4}|present))?|\(c\)|©|[\w.+-]{1,64}@[\w.-]{1,120}|(?:https?|mailto):[^\s]{1,160}|and|by|et|al|the|of|present|van|von|de|der|den|da|di|email|e-mail)["')\]}>*_,.;]{0,6}|["'{[]{0,4}(?:name|email|url|web|homepage|github)["']?[:=]["'[{]{0,3})$/iu;
/** Small letters count as a name's only in particles, so the piece must not begin with one otherwise. */
const SMALL_WORD = /^["'([{<*_]{0,4}\p{Ll}/u;
const SMALL_PIECE =
  /^["'([{<*_]{0,4}(?:and|by|et|al|the|of|present|van|von|de|der|den|da|di|email|e-mail|name|url|web|homepage|github|https?:|mailto:|[\w.+-]{1,64}@)/u;
/** A line that goes on in the next one. */
const GOES_ON = /[,([{"'&]["']?[ \t]{0,8}$|(?:^|[ \t])and[ \t]{0,8}$/;
const KEY = /^(?:authors?|maintainers?|contributors?|committer|copyright|_npmuser)$/i;
const LONGEST_KEYED = 240;

/** isAuthorship tells a value that stands in its author's own line. Cost is bounded by REACH. */
export function isAuthorship(text: string, start: number, hint: string): boolean {
  if (hint !== '' && text.length <= LONGEST_KEYED && KEY.test(hint)) return true;
  const before = text.slice(Math.max(0, start - REACH), start);
  if (!SOME_CUE.test(before)) return false;
  let between: string | undefined;
  CUE.lastIndex = 0;
  for (let cue = CUE.exec(before); cue !== null; cue = CUE.exec(before))
    between = before.slice(cue.index + cue[0].length);
  return between !== undefined && isListOfNames(between);
}

/** `name = "Ann"` as one piece. */
const NAME_KEY = /(name|email|url|web|homepage|github)(["']?)[ \t]{0,4}[:=][ \t]{0,4}/gi;

function isListOfNames(between: string): boolean {
  // A heading may have a blank line under it, and the names of a package stand under their key.
  const lines = between
    .replace(/^[ \t]{0,16}(?:\n[ \t]{0,16}){1,2}/, '')
    .replaceAll(NAME_KEY, '$1$2: ')
    .split('\n');
  return lines.every((line, index) => {
    const next = lines[index + 1];
    if (next !== undefined && !GOES_ON.test(line) && !/^[ \t]{0,16}[-*] /.test(next)) return false;
    const content = line.replace(/^[ \t]{0,16}[#*/%;>|-]{0,4}[ \t]{0,8}/, '');
    return content.split(/\s/).every((piece) => piece === '' || isPiece(piece));
  });
}

const isPiece = (piece: string): boolean => PIECE.test(piece) && (!SMALL_WORD.test(piece) || SMALL_PIECE.test(piece));

/** asAuthorship is the candidate, or where its author put it the same place as AUTHORSHIP. */
export function asAuthorship(text: string, hint: string, candidate: Candidate): Candidate {
  if (candidate.rejected !== undefined || !isAuthorship(text, candidate.start, hint)) return candidate;
  return {
    ...candidate,
    entity: AUTHORSHIP,
    steps: [...candidate.steps, { kind: 'damped', by: 'authorship', score: toScore(candidate.score) }],
  };
}

/** orAuthorship makes a recognizer report what stands in its author's own line as AUTHORSHIP. */
export function orAuthorship(recognizer: Recognizer): Recognizer {
  return {
    ...recognizer,
    entities: [...recognizer.entities, AUTHORSHIP],
    find: (input, window, report) =>
      recognizer.find(input, window, (candidate) => report(asAuthorship(input.text, input.hint, candidate))),
  };
}
