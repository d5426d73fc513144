/**
 * A secret's name, something that binds, and its value: configuration lines, code in any language, JSON, XML, YAML,
 * command lines, key/value lists and prose. Walks outward from the trigger instead of matching one large pattern, so
 * its cost is a constant per trigger. Fails towards silence on expressions: a secret fetched from elsewhere is not here.
 */
import { toScore } from '../../finding.ts';
import { keywords } from '../../recognizer.ts';
import type { Candidate, Recognizer, RecognizerInput, Window } from '../../recognizer.ts';
import { isElided } from './placeholder.ts';
import { classifyName, SECRET_LITERAL, SECRET_LITERALS } from './secret-words.ts';
import type { NameClass } from './secret-words.ts';
import { judgeValue } from './secret-value.ts';
import type { ValueForm } from './secret-value.ts';

type Report = (candidate: Candidate) => void;

const MAX_NAME = 96;
const MAX_VALUE = 1600;
/** What a binder can begin with, after closing quotes and brackets. */
const BINDER_START = new Set('=:!?|+-<>,({"\'`\\');

/** Most names in code are followed by a bracket, a dot or a semicolon; those cost no more than this look. */
function mayBind(text: string, end: number): boolean {
  let at = end;
  while (
    at < end + 4 &&
    (text[at] === ']' || text[at] === ')' || text[at] === '"' || text[at] === "'" || text[at] === '`')
  )
    at++;
  const afterBrackets = at;
  while (at < afterBrackets + 40 && (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r'))
    at++;
  if (at >= text.length) return false;
  const next = text[at] ?? '';
  if (BINDER_START.has(next) || next > '\x7f') return true;
  // key="Password" value="x"; else only blanks between: prose, flags, netrc. Never after a bracket, or over a line's end.
  if (next === 'v' && afterBrackets > end) return true;
  return at > end && afterBrackets === end && text[at - 1] !== '\n' && /[\w$@%&*/.#^~]/.test(next);
}

/** Letters and digits beyond ASCII. */
const FOREIGN_NAME_CHARACTER = /[\p{L}\p{N}]/u;

/** Characters a name may hold; `-` and `.` join words in headers, properties and flags. */
function isNameCode(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  if (code > 0x7f) return FOREIGN_NAME_CHARACTER.test(text[index] ?? '');
  const lower = code | 0x20;
  return (
    (lower >= 0x61 && lower <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x24
  );
}

/**
 * What may stand between a name and its value, tried in order; sticky. `form` is what an unquoted value means there.
 * All quantifiers are bounded, all begin with a different character or word.
 */
const BINDERS: readonly { readonly regex: RegExp; readonly form: ValueForm; readonly quoted?: true }[] = [
  // {"name": "DB_PASSWORD", "value": "x"} · - name: DB_PASSWORD\n  value: x · <add key="Password" value="x"/>
  { regex: /\\?["']?\s{0,4},?\s{0,40}\\?["']?value\\?["']?\s{0,3}[:=]\s{0,3}/iy, form: 'literal' },
  // variable "api_token" { type = string  default = "x" }
  { regex: /["']\s?\{\s{0,20}(?:type = \w{1,10}\s{1,20})?default\s{0,8}=\s{0,4}/y, form: 'literal', quoted: true },
  // name: type = value
  { regex: /["']?\s{0,3}:\s{0,3}&?(?:'static )?[A-Za-z_][\w.<>[\]?]{0,40}\s{0,3}=\s{0,3}/y, form: 'bare' },
  // = := => == === != ?= += ||= -> in code and configuration, with the closing quote or bracket of the name before
  {
    regex:
      /\\?["'`]?[\])]{0,2}\s{0,20}(?:={1,3}>?|:=|!={1,2}|\?=|\|\|=|\+=|->|<-|:{1,2}=?)(?:\s{0,40}(?=\\?["'`])|[ \t]{0,40})/y,
    form: 'bare',
  },
  // const apiKey string = "x": the type behind the name
  { regex: /\s(?:string|str|\[\]byte|NSString ?\*)\s{1,2}=\s{1,2}/y, form: 'literal', quoted: true },
  // XML attribute that names the element's content
  { regex: /["']\s{0,3}>\s{0,8}/y, form: 'literal' },
  // XML element
  { regex: />\s{0,8}/y, form: 'literal' },
  // ("password", "x") · define('DB_PASSWORD', 'x') · setopt(h, PASSWORD, "x") · setPassword("x")
  { regex: /(?:\\?["'`])?\s{0,3},\s{0,3}(?=\\?["'`])/y, form: 'listed', quoted: true },
  { regex: /\(\s{0,3}(?=["'`])/y, form: 'literal', quoted: true },
  { regex: /\s{0,3}\|\s{0,3}/y, form: 'prose' },
  // prose
  { regex: /\s{1,2}(?:is|was|ist|lautet|est|es|é|to|=)\s{0,2}:?\s{1,2}/iy, form: 'prose' },
  { regex: /\s{0,2}(?:is|是|为|為|は)\s{0,2}[::]?\s{0,2}/iy, form: 'prose' },
  { regex: /:\s{0,3}/y, form: 'prose' },
  // token - 'x' in lists and logs
  { regex: /[ \t]{1,3}[-–][ \t]{1,3}(?=\\?["'`])/y, form: 'listed', quoted: true },
  // password for master: x · the password for the user 'postgres' is 'x'
  { regex: /\s(?:for|of|von|für|de|para)\s[^\n:=]{1,40}?(?:\s(?:is|ist|es|est)\s|:\s{0,2})/iy, form: 'prose' },
  // --password x · netrc, swift and Tcl style: name, blanks, value
  { regex: /[ \t]{1,8}/y, form: 'prose' },
];

const LONGEST_LITERAL = Math.max(...SECRET_LITERALS.map((each) => each.length));
/** A word no binder but the last begins with: what prose about tokens and keys goes on with nearly always. */
const ORDINARY_WORD = /[ \t]{1,2}(?=[abcghjkmnqruxyz]|s(?!tr(?:ing)?\s))/iy;
const LOOSE = BINDERS.slice(-1);

const PREFIXES = /(?:[bruflLsS]{1,2}|@|\$|new String\(|String::from\(|\()?(?=\\?["'`])/y;
const BARE_STOP = /[\s,;'"`<>()[\]{}|]/;
const CONFIGURATION_BARE_STOP = /[\s'"`<>|]/;

export const secretAssignment: Recognizer = {
  name: 'secret-assignment',
  entities: ['PASSWORD', 'API_KEY'],
  triggers: [keywords(...SECRET_LITERALS)],
  reach: { before: 2, after: 2 },
  inText: mayAssign,
  find(input, window, report) {
    if (input.hint !== '') fromHint(input, report);
    fromText(input, window, report);
  },
};

/** Units of the shortest value that is drawn plainly enough to count with nothing but blanks between. */
const SHORTEST_LOOSE = 16;

/**
 * Says no of a key word of prose, as find would after a dozen regexes: what binds is missing, or only a blank follows and then a word
 * that is too short to be drawn. Where blanks may bind (a flag, a line's start, a list of a login) it says yes.
 */
function mayAssign(text: string, start: number, literalEnd: number): boolean {
  let end = literalEnd;
  while (end < text.length && end - literalEnd < MAX_NAME && isNameCode(text, end)) end++;
  while (end > literalEnd && (text[end - 1] === '.' || text[end - 1] === '-')) end--;
  if (!mayBind(text, end)) return false;
  let at = end;
  while (at < end + 3 && isBlank(text.charCodeAt(at))) at++;
  if (at === end || at > end + 2 || !isOrdinary(text.charCodeAt(at))) return true;
  const value = at;
  while (at - value < SHORTEST_LOOSE && isAsciiLetter(text.charCodeAt(at))) at++;
  // A quote may open a string with a prefix, and a backslash be part of the value.
  if (at - value >= SHORTEST_LOOSE || !WORD_STOP.test(text[at] ?? ' ')) return true;
  return WORD_AFTER.test(text.slice(end, end + 12)) || mayBindByBlanks(text, start);
}

const WORD_STOP = /[\s,;<>()[\]{}|]/;
const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x09;
const isAsciiLetter = (unit: number): boolean => (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
const ORDINARY = lettersOf('abcghjkmnqrsuxyz');
const isOrdinary = (unit: number): boolean => isAsciiLetter(unit) && ORDINARY[unit | 0x20] === 1;

/** A byte per ASCII unit: asked of every unit before a key word, where a Set is five times slower. */
function lettersOf(letters: Iterable<string>): Uint8Array {
  const table = new Uint8Array(0x80);
  for (const letter of letters) table[letter.charCodeAt(0)] = 1;
  return table;
}

/** Units before a literal in which isBoundByBlanks and the name's own words may see something that binds. */
const BEFORE_NAME = 80 + MAX_NAME / 2 + 22;

/** A dash, a word of logins in the line, or the line's beginning up to two words before the name: what isBoundByBlanks asks for, asked more roughly. */
function mayBindByBlanks(text: string, literal: number): boolean {
  let words = 0;
  let wasBlank = false;
  for (let at = literal - 1, from = literal - BEFORE_NAME; at >= from; at--) {
    const unit = at < 0 ? 0x0a : text.charCodeAt(at);
    if (unit === 0x2d) return true;
    if (unit === 0x0a) return words <= 2;
    if (isBlank(unit) && !wasBlank) words++;
    wasBlank = isBlank(unit);
    if (unit < 0x80 && LOGIN_STARTS[unit | 0x20] === 1 && LOGIN_WORDS.some((word) => startsWord(text, at, word)))
      return true;
  }
  return false;
}

const LOGIN_WORDS = ['login', 'machine', 'user', 'set', 'requirepass', 'masterauth'] as const;
const LOGIN_STARTS = lettersOf(LOGIN_WORDS.map((word) => word.charAt(0)));

function startsWord(text: string, at: number, word: string): boolean {
  if (isAsciiLetter(text.charCodeAt(at - 1))) return false;
  for (let index = 0; index < word.length; index++)
    if ((text.charCodeAt(at + index) | 0x20) !== word.charCodeAt(index)) return false;
  return !isAsciiLetter(text.charCodeAt(at + word.length));
}

/** A JSON leaf or a cell: the hint is the name, the text the value. */
function fromHint({ text, hint }: RecognizerInput, report: Report): void {
  const nameClass = classifyName(hint.slice(-MAX_NAME));
  if (nameClass === 'none' || text.length > MAX_VALUE) return;
  const start = text.length - text.trimStart().length;
  const value = text.trim();
  if (value === '' || value.includes('\n')) return;
  emit(value, start, hint, nameClass, 'literal', report);
}

function fromText({ text }: RecognizerInput, window: Window, report: Report): void {
  // One compiled regex for all calls: nothing below runs find again before this loop ends.
  const literal = SECRET_LITERAL;
  // Cut behind the window, or each would search on to the next literal, wherever that is.
  const near = text.slice(window.start, window.end + LONGEST_LITERAL);
  literal.lastIndex = 0;
  let done = -1;
  for (let hit = literal.exec(near); hit !== null; hit = literal.exec(near)) {
    const from = window.start + hit.index;
    if (from >= window.end) break;
    const [start, end] = nameAround(text, from, from + hit[0].length);
    if (end <= done) continue;
    done = end;
    literal.lastIndex = Math.max(literal.lastIndex, end - window.start);
    if (mayBind(text, end)) assignmentAt(text, start, end, report);
  }
}

function nameAround(text: string, from: number, to: number): [number, number] {
  let start = from;
  let end = to;
  while (start > 0 && from - start < MAX_NAME / 2 && isNameCode(text, start - 1)) start--;
  while (end < text.length && end - to < MAX_NAME / 2 && isNameCode(text, end)) end++;
  while (end > to && (text[end - 1] === '.' || text[end - 1] === '-')) end--;
  return [start, end];
}

function assignmentAt(text: string, start: number, end: number, report: Report): void {
  const [from, to] = withNeighbours(text, start, end);
  const name = text.slice(from, to);
  const nameClass = classifyName(name);
  if (nameClass === 'none') return;
  ORDINARY_WORD.lastIndex = to;
  for (const binder of ORDINARY_WORD.test(text) ? LOOSE : BINDERS) {
    binder.regex.lastIndex = to;
    const bound = binder.regex.exec(text);
    if (bound === null) continue;
    if (!bindsHere(text, from, bound[0])) continue;
    const at = to + bound[0].length;
    if (CLOSES_TAG.test(bound[0])) return fromElement(text, at, name, nameClass, report);
    const found = valueAt(text, at, formOf(binder.form, text, from, bound[0], name));
    if (found && (binder.quoted === undefined || found.isQuoted)) {
      emit(found.value, found.start, name, nameClass, found.form, report);
    }
    return;
  }
}

/** The content of an XML element, whole and word by word: stores wrap values in braces and put a name before them. */
function fromElement(text: string, at: number, name: string, nameClass: NameClass, report: Report): void {
  const close = text.slice(at, at + MAX_VALUE).indexOf('<');
  if (close <= 0) return;
  const content = text.slice(at, at + close);
  if (!/\s/.test(content.trim())) {
    const lead = content.length - content.trimStart().length;
    emit(content.trim(), at + lead, name, nameClass, 'literal', report);
    return;
  }
  for (const word of content.matchAll(/[^\s{}"']{12,400}/g))
    emit(word[0], at + word.index, name, nameClass, 'loose', report);
}

/** `api key:` and `access key =`: names of two or three words, and what precedes `key` decides. */
const WORD_BEFORE = /[A-Za-z]{2,20}[ -]{1,4}$/;
const WORD_AFTER = /^[ -](?:key|token|secret|password|code|phrase)(?![A-Za-z])/i;

function withNeighbours(text: string, start: number, end: number): [number, number] {
  const before = text[start] === '-' ? null : WORD_BEFORE.exec(text.slice(Math.max(0, start - 24), start));
  const after = WORD_AFTER.exec(text.slice(end, end + 12));
  return [before ? start - before[0].length : start, after ? end + after[0].length : end];
}

/** The end of a tag, after the name of the element or of an attribute. */
const CLOSES_TAG = /^["']?\s{0,3}>/;

/** `>` binds only after a tag, and `|` inside `{{ }}` is a filter of a template. */
function bindsHere(text: string, from: number, bound: string): boolean {
  const before = text.slice(Math.max(0, from - 120), from);
  if (CLOSES_TAG.test(bound)) return /<[^<>]{0,80}$/.test(before);
  return bound.trim() !== '|' || before.lastIndexOf('{{') <= before.lastIndexOf('}}');
}

/** Units of `--` and the name of a flag, as far as they are looked at. */
const LONGEST_FLAG = 22;

/** Blanks bind a value after a flag, at the start of a line and in a list of a login; elsewhere they are loose. */
function isBoundByBlanks(text: string, from: number): boolean {
  const line = text.slice(Math.max(0, from - 80), from);
  return (
    text[from] === '-' ||
    (line.lastIndexOf('-') >= line.length - LONGEST_FLAG && /(?:^|[\s'"])-{1,2}[\w-]{0,20}$/.test(line)) ||
    /(?:^|\n)[ \t]{0,20}$/.test(line) ||
    /\b(?:login|machine|user|set|requirepass|masterauth)\b[^\n]{0,60}$/i.test(line)
  );
}

/** A configuration line's unquoted value is as good as a quoted one: `DB_PASSWORD=x` at the start of a line. */
function formOf(form: ValueForm, text: string, from: number, bound: string, name: string): ValueForm {
  if (/^[ \t]{1,8}$/.test(bound)) return isBoundByBlanks(text, from) && !IS_VERB.test(name) ? 'prose' : 'loose';
  // `pass X to Y` is a verb.
  if (form === 'prose' && IS_VERB.test(name)) return 'loose';
  if (form !== 'bare' || bound !== '=') return form;
  return name === name.toUpperCase() || LINE_START.test(text.slice(Math.max(0, from - 60), from)) ? 'literal' : 'bare';
}
/** `the ID to pass`, `either pass`. */
const IS_VERB = /(?:^|\s)pass$/;
const LINE_START = /(?:^|[\n;&?])[ \t]{0,20}(?:#\s?|export |set |ENV |env |- |-D|\$env:|[\w.]{1,30}:)?$/;

interface FoundValue {
  readonly value: string;
  readonly start: number;
  readonly form: ValueForm;
  readonly isQuoted: boolean;
}

function valueAt(text: string, at: number, form: ValueForm): FoundValue | undefined {
  PREFIXES.lastIndex = at;
  const prefix = PREFIXES.exec(text);
  let start = at + (prefix?.[0].length ?? 0);
  if (text[start] === '\\') start++;
  const quote = text[start];
  if (quote === '"' || quote === "'" || quote === '`')
    return quotedAt(text, start, quote, form === 'listed' || form === 'loose' ? form : 'literal');
  const stop = form === 'literal' ? CONFIGURATION_BARE_STOP : BARE_STOP;
  let end = start;
  const last = Math.min(text.length, start + MAX_VALUE);
  // `\n` written out ends a line in a string as a line break does.
  while (end < last && !stop.test(text[end] ?? '') && !(text[end] === '\\' && /[nrt]/.test(text[end + 1] ?? ''))) end++;
  // A call or an index right after is an expression; keep enough of it for the judge to see.
  if (form !== 'literal' && (text[end] === '(' || text[end] === '[') && end > start) return undefined;
  let value = text.slice(start, end);
  const trimmed = value.replace(/[.,;:?)\]}]{1,3}$/, '');
  if (trimmed.length >= 4) value = trimmed;
  if (isElided(text, start + value.length)) return undefined;
  return value === '' ? undefined : { value, start, form, isQuoted: false };
}

function quotedAt(text: string, start: number, quote: string, form: ValueForm): FoundValue | undefined {
  const last = Math.min(text.length, start + 1 + MAX_VALUE);
  for (let index = start + 1; index < last; index++) {
    const character = text[index];
    if (character === '\n') return undefined;
    if (character === '\\' && text[index + 1] !== quote) {
      index++;
      continue;
    }
    if (character === '\\' || character === quote) {
      const inside = text.slice(start + 1, index);
      const value = inside.trim();
      const from = start + 1 + inside.indexOf(value);
      return value === '' ? undefined : { value, start: from, form, isQuoted: true };
    }
  }
  return undefined;
}

function emit(value: string, start: number, name: string, nameClass: NameClass, form: ValueForm, report: Report): void {
  const judged = judgeValue(value, name, nameClass, form);
  if (judged === undefined) return;
  report({
    entity: nameClass === 'password' ? 'PASSWORD' : 'API_KEY',
    start,
    end: start + value.length,
    score: judged.score,
    pattern: judged.pattern,
    steps: [{ kind: 'pattern', score: toScore(judged.score) }],
  });
}
