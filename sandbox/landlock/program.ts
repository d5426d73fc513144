/**
 * A program that only makes system calls, one after another: what a launcher needs and no more. There is no loop, no jump back
 * and no memory written but sixteen bytes of stack, so the machine code can be read against this list line by line.
 */

/** A register that keeps what a call returned. */
export type Kept = 'first' | 'second';

export type Value =
  /** A number of 32 bits, negative ones in two's complement. */
  | number
  /** Address of a blob of the program. */
  | { readonly data: number }
  | { readonly kept: Kept }
  /** Address of the `record` written last. */
  | 'record'
  /** Of the words this program was started with, those after its own name: path, list, and the environment. */
  | 'program'
  | 'arguments'
  | 'environment';

export type Step =
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly values: readonly Value[];
      readonly keep?: Kept;
      /** Exit status when the kernel refuses. Without one, the answer is not looked at. */
      readonly orExit?: number;
    }
  /** `struct landlock_path_beneath_attr`: 64 bits of rights, then the kept descriptor. */
  | { readonly kind: 'record'; readonly rights: number; readonly descriptor: Kept };

export interface Blob {
  readonly bytes: Buffer;
  /** The address of another blob is put in as 64 bits at this offset. */
  readonly pointer?: { readonly at: number; readonly to: number };
}

export interface Program {
  readonly steps: readonly Step[];
  readonly data: readonly Blob[];
}
