/**
 * Secret holds a value that must never be printed: every usual way to turn an object into text yields `[secret]`.
 * Secrets come by reference only (`env:NAME`, `file:/path`); a literal in the config file is an error.
 */
import { inspect } from 'node:util';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** reveal returns the value. Call it only where the bytes are written. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
