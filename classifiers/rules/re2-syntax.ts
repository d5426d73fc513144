/**
 * Regular expressions of Go (RE2) and Python, rewritten for ECMAScript: flags in the middle, named groups, text anchors,
 * POSIX classes, open lower bounds. What has no equivalent is an error value that names it.
 */

export type Rewritten =
  | { readonly kind: 'regex'; readonly source: string; readonly flags: string; readonly needsUnicode: boolean }
  | { readonly kind: 'unsupported'; readonly what: string };

const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t-\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};
/** End and start of the text, whatever the `m` flag says. */
const TEXT_START = '(?<![^])';
const TEXT_END = '(?![^])';

/** rewriteRegex rewrites a pattern; `flags` are ECMAScript flags that apply to all of it. */
export function rewriteRegex(pattern: string, flags: string): Rewritten {
  const writer = new Writer(pattern, flags);
  try {
    return writer.write();
  } catch (error) {
    if (error instanceof Unsupported) return { kind: 'unsupported', what: error.what };
    throw error;
  }
}

class Unsupported extends Error {
  override readonly name = 'Unsupported';
  readonly what: string;
  constructor(what: string) {
    super(what);
    this.what = what;
  }
}

class Writer {
  readonly #pattern: string;
  readonly #flags: Set<string>;
  #at = 0;
  #out = '';
  #needsUnicode = false;
  /** Per open group: modifier groups opened inside it that must close with it, as the text that reopens them. */
  readonly #modifiers: string[][] = [[]];

  constructor(pattern: string, flags: string) {
    this.#pattern = pattern;
    this.#flags = new Set(flags);
  }

  write(): Rewritten {
    while (this.#at < this.#pattern.length) this.#step();
    if (this.#modifiers.length !== 1) throw new Unsupported('an unclosed group');
    this.#out += ')'.repeat(this.#modifiers[0]?.length ?? 0);
    return { kind: 'regex', source: this.#out, flags: [...this.#flags].join(''), needsUnicode: this.#needsUnicode };
  }

  #step(): void {
    const character = this.#pattern[this.#at] ?? '';
    switch (character) {
      case '\\':
        this.#escape();
        return;
      case '[':
        this.#class();
        return;
      case '(':
        this.#open();
        return;
      case ')': {
        const open = this.#modifiers.pop();
        if (open === undefined || this.#modifiers.length === 0)
          throw new Unsupported('a closing bracket without its opening one');
        this.#out += `${')'.repeat(open.length)})`;
        this.#at++;
        return;
      }
      case '|': {
        // A flag in the middle holds for the alternatives that follow as well.
        const open = this.#modifiers.at(-1) ?? [];
        this.#out += `${')'.repeat(open.length)}|${open.join('')}`;
        this.#at++;
        return;
      }
      case '{': {
        const open = /^\{,(\d{1,6})\}/.exec(this.#pattern.slice(this.#at, this.#at + 10));
        const counted = /^\{\d{1,6}(?:,\d{0,6})?\}/.exec(this.#pattern.slice(this.#at, this.#at + 20));
        this.#out += open ? `{0,${open[1] ?? ''}}` : (counted?.[0] ?? '\\{');
        this.#at += open?.[0].length ?? counted?.[0].length ?? 1;
        this.#refusePossessive();
        return;
      }
      case '}':
        this.#out += '\\}';
        this.#at++;
        return;
      case '*':
      case '+':
      case '?':
        this.#out += character;
        this.#at++;
        this.#refusePossessive();
        return;
      default:
        this.#out += character;
        this.#at++;
    }
  }

  #refusePossessive(): void {
    if (this.#pattern[this.#at] === '+') throw new Unsupported('a possessive quantifier');
  }

  #open(): void {
    const rest = this.#pattern.slice(this.#at, this.#at + 100);
    const named = /^\(\?P?<([A-Za-z_]\w{0,60})>/.exec(rest);
    if (named) return this.#enter(named[0], `(?<${named[1] ?? ''}>`);
    const plain = /^\((?:\?(?::|=|!|<=|<!))?/.exec(rest)?.[0] ?? '(';
    if (plain.length > 1 || rest[1] !== '?') return this.#enter(plain, plain);
    const reference = /^\(\?P=(\w{1,60})\)/.exec(rest);
    if (reference) {
      this.#out += `\\k<${reference[1] ?? ''}>`;
      this.#at += reference[0].length;
      return;
    }
    const comment = /^\(\?#[^)]{0,90}\)/.exec(rest);
    if (comment) {
      this.#at += comment[0].length;
      return;
    }
    const flags = /^\(\?([a-zA-Z]{0,12})(?:-([a-zA-Z]{0,12}))?([:)])/.exec(rest);
    if (flags === null) throw new Unsupported(`the group ${rest.slice(0, 4)}`);
    this.#flagGroup(flags[0], flags[1] ?? '', flags[2] ?? '', flags[3] === ':');
  }

  #enter(read: string, written: string): void {
    this.#out += written;
    this.#at += read.length;
    this.#modifiers.push([]);
  }

  #flagGroup(read: string, on: string, off: string, hasBody: boolean): void {
    // `a`, `u` and `L` choose Python's character tables, `U` RE2's default greed.
    const unknown = (on + off).replace(/[imsau]/g, '');
    if (unknown !== '') throw new Unsupported(`the flag ${unknown}`);
    const known = (flags: string): string => [...new Set(flags.replace(/[au]/g, ''))].join('');
    const modifier = known(on) + (known(off) === '' ? '' : `-${known(off)}`);
    const group = modifier === '' ? '(?:' : `(?${modifier}:`;
    if (hasBody) return this.#enter(read, group);
    this.#at += read.length;
    if (modifier === '') return;
    if (this.#out === '' && off === '') {
      for (const flag of known(on)) this.#flags.add(flag);
      return;
    }
    this.#out += group;
    this.#modifiers.at(-1)?.push(group);
  }

  #escape(): void {
    const next = this.#pattern[this.#at + 1];
    if (next === undefined) throw new Unsupported('a backslash at the end');
    this.#at += 2;
    switch (next) {
      case 'A':
        this.#out += TEXT_START;
        return;
      case 'z':
      case 'Z':
        this.#out += TEXT_END;
        return;
      case 'a':
        this.#out += '\\x07';
        return;
      case 'Q':
        this.#quoted();
        return;
      case 'h':
        this.#out += '[\\t ]';
        return;
      case 'x':
        this.#hexadecimal();
        return;
      case 'p':
      case 'P':
        this.#property(next);
        return;
      case 'C':
      case 'G':
      case 'K':
      case 'R':
      case 'X':
        throw new Unsupported(`\\${next}`);
      default:
        this.#out += escapeOf(next);
    }
  }

  #quoted(): void {
    const end = this.#pattern.indexOf('\\E', this.#at);
    const text = this.#pattern.slice(this.#at, end < 0 ? undefined : end);
    this.#out += text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
    this.#at = end < 0 ? this.#pattern.length : end + 2;
  }

  /** RE2's `\x{10FFFF}`. */
  #hexadecimal(): void {
    const braces = /^\{([0-9a-fA-F]{1,6})\}/.exec(this.#pattern.slice(this.#at, this.#at + 8));
    if (braces === null) {
      this.#out += '\\x';
      return;
    }
    const code = Number.parseInt(braces[1] ?? '0', 16);
    if (code > 0xffff) throw new Unsupported('a character beyond U+FFFF');
    this.#out += `\\u${code.toString(16).padStart(4, '0')}`;
    this.#at += braces[0].length;
  }

  #property(kind: string): void {
    const name = /^(?:\{\^?\w{1,40}\}|[A-Z])/.exec(this.#pattern.slice(this.#at, this.#at + 44))?.[0];
    if (name === undefined) throw new Unsupported(`\\${kind}`);
    this.#needsUnicode = true;
    this.#out += `\\${kind}${name.length === 1 ? `{${name}}` : name}`;
    this.#at += name.length;
  }

  #class(): void {
    let out = '[';
    let at = this.#at + 1;
    const text = this.#pattern;
    if (text[at] === '^') {
      out += '^';
      at++;
    }
    // A bracket that comes first stands for itself in RE2 and Python.
    if (text[at] === ']') {
      out += '\\]';
      at++;
    }
    for (; at < text.length && text[at] !== ']'; at++) {
      const posix = /^\[:(\^?)([a-z]{4,6}):\]/.exec(text.slice(at, at + 12));
      if (posix) {
        const set = POSIX[posix[2] ?? ''];
        if (set === undefined || posix[1] === '^') throw new Unsupported(`the class ${posix[0]}`);
        out += set;
        at += posix[0].length - 1;
      } else if (text[at] === '[') out += '\\[';
      else if (text[at] === '\\') {
        at++;
        const escaped = text[at] ?? '';
        if (escaped === 'p' || escaped === 'P') throw new Unsupported('\\p inside a character class');
        out += escaped === 'a' ? '\\x07' : escaped === 'h' ? '\\t ' : escapeOf(escaped);
      } else out += text[at];
    }
    if (at >= text.length) throw new Unsupported('an unclosed character class');
    this.#out += `${out}]`;
    this.#at = at + 1;
  }
}

/** Escapes keep their meaning; an escaped letter without one stands for itself in Python's older patterns. */
function escapeOf(character: string): string {
  return `\\${character}`;
}
