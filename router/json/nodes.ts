/** What the parser builds: containers and leaves of a document, and the fault that carries a problem out of it. */
import { escapeToken } from './document.ts';
import type { Container, JsonProblem, JsonValue, Leaf } from './document.ts';

/**
 * Objects of the value tree. A prototype that is itself empty keeps V8's fast properties, which Object.create(null) gives
 * up, and still inherits no name.
 */
export const Bag = function Bag() {} as unknown as new () => Record<string, JsonValue>;
(Bag as unknown as { prototype: object }).prototype = Object.freeze(Object.create(null) as object);

export class Fault {
  readonly code: JsonProblem['code'];
  readonly offset: number;
  readonly pointer: string;
  constructor(code: JsonProblem['code'], offset: number, pointer: string) {
    this.code = code;
    this.offset = offset;
    this.pointer = pointer;
  }
}

export class LeafNode implements Leaf {
  readonly kind: Leaf['kind'];
  readonly container: Container;
  readonly key: string | number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  constructor(
    kind: Leaf['kind'],
    container: Container,
    key: string | number,
    text: string,
    start: number,
    end: number,
  ) {
    this.kind = kind;
    this.container = container;
    this.key = key;
    this.text = text;
    this.start = start;
    this.end = end;
  }
}

export class ContainerNode implements Container {
  readonly parent: ContainerNode | null;
  readonly key: string | number;
  readonly ordinal: number;
  #pointer: string | undefined;
  constructor(parent: ContainerNode | null, key: string | number, ordinal: number) {
    this.parent = parent;
    this.key = key;
    this.ordinal = ordinal;
  }
  get pointer(): string {
    if (this.parent === null) return '';
    this.#pointer ??= `${this.parent.pointer}/${escapeToken(this.key)}`;
    return this.#pointer;
  }
}
