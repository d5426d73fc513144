/**
 * A request in blocks: every message one, every other member of the body one. Each is known by a hash of its exact source under a random key of this
 * process, made once and used by all who remember something about it (classification, the trace of the conversation).
 */
import { hash, randomBytes } from 'node:crypto';
import type { Block, BlockContent } from '../../classifiers/block.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { Container, Extent, JsonDocument } from '../json/document.ts';
import { escapeToken } from '../json/document.ts';
import { createCollector, WIRE_WORDS, type Placement } from './segments.ts';

const SECRET = randomBytes(32).toString('base64');

export interface RequestBlocks {
  readonly blocks: readonly Block[];
  /** Known before any block is read. */
  readonly gaps: readonly Gap[];
  /** Keys of the messages' blocks, in order; undefined for a message that is no block of its own. */
  readonly messageKeys: readonly (string | undefined)[];
}

export interface BlockOptions {
  /** Equal sources mean equal segments within one way of reading. */
  readonly protocol: string;
  /** The array whose items are messages. */
  readonly messages: string;
  /** Other arrays of the root whose items are blocks of their own. */
  readonly alsoCut?: ReadonlySet<string>;
  /** What an item is known by, where clients send the same one in several spellings. */
  readonly spell?: (name: string, index: number, source: string) => Spelling;
  readonly placementOf: (container: Container) => Placement;
  /** Segments of message `index` that are no leaves: files it carries. */
  readonly filesOf: (index: number) => BlockContent['segments'];
}

export interface Spelling {
  /** Equal for spellings that say the same. */
  readonly said: string;
  /** Tells spellings apart whose leaves have other pointers. */
  readonly form: string;
}

/** blocksOf cuts a document; together its blocks hold every leaf. */
export function blocksOf(
  document: JsonDocument,
  options: BlockOptions,
): { readonly blocks: readonly Block[]; readonly messageKeys: readonly string[] } {
  const collect = createCollector(options.placementOf);
  const blocks: Block[] = [];
  const messageKeys: string[] = [];
  const add = (
    name: string,
    pointer: string,
    extent: Extent,
    files: () => BlockContent['segments'],
    spelled?: (source: string) => Spelling,
  ): string => {
    const { key, form } = keyOf(name, extent, spelled);
    let content: BlockContent | undefined;
    const read = (): BlockContent => {
      if (content === undefined) {
        const { segments, gaps } = collect(document.leavesOf(extent));
        content = { segments: [...segments, ...files()], gaps };
      }
      return content;
    };
    blocks.push({ key: key + form, pointer, read });
    return key;
  };
  const keyOf = (name: string, extent: Extent, spelled: ((source: string) => Spelling) | undefined) => {
    const way = `${options.protocol} ${name.length} ${name} `;
    // The parser has made the hash already of what it may know again. A name that is no word of the wire is the client's text, and no text is remembered.
    if (spelled === undefined && extent.digest !== undefined && WIRE_WORDS.has(name))
      return { key: way + extent.digest, form: '' };
    const source = document.source.slice(extent.start, extent.end);
    const { said, form } = spelled?.(source) ?? { said: source, form: '' };
    return { key: hash('sha256', SECRET + way + said, 'base64'), form };
  };
  for (const [name, member] of document.members) {
    const isCut = name === options.messages || options.alsoCut?.has(name) === true;
    const items = isCut && WIRE_WORDS.has(name) ? document.itemsOf(name) : [];
    if (items.length === 0) {
      add(name, `/${escapeToken(name)}`, member, () => []);
      continue;
    }
    // The array's own name is a word of the wire: no segment is lost with it.
    for (const [index, item] of items.entries()) {
      const isMessage = name === options.messages;
      const files = (): BlockContent['segments'] => (isMessage ? options.filesOf(index) : []);
      const { spell } = options;
      const spelled = spell === undefined ? undefined : (source: string) => spell(name, index, source);
      const key = add(name, `/${escapeToken(name)}/${index}`, item, files, spelled);
      if (isMessage) messageKeys.push(key);
    }
  }
  return { blocks, messageKeys };
}
