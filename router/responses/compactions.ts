/**
 * Summaries of conversations that clients carry sealed, as the wire wants it: nobody but this installation opens one, and only for the principal it was made for. With each goes what the conversation was known to be.
 * Fails closed: what does not open is undefined, and stays an item nobody can read.
 */
import { Sealer } from '../store/sealed.ts';

export interface Compaction {
  readonly summary: string;
  readonly label: string;
  readonly maskable: boolean;
}

const PREFIX = 'sluice1.';
const PURPOSE = 'sluice compactions';

export function sealCompaction(key: Buffer, principal: string, compaction: Compaction): string {
  return PREFIX + new Sealer(key, PURPOSE).seal(JSON.stringify(compaction), principal).toString('base64url');
}

export function openCompaction(key: Buffer, principal: string, sealed: unknown): Compaction | undefined {
  if (typeof sealed !== 'string' || !sealed.startsWith(PREFIX)) return undefined;
  const opened = new Sealer(key, PURPOSE).open(Buffer.from(sealed.slice(PREFIX.length), 'base64url'), principal);
  return opened === undefined ? undefined : (JSON.parse(opened.toString('utf8')) as Compaction);
}

/** toItem is a compaction as the model is shown it. */
export function toItem({ summary }: Compaction): object {
  const text = `Summary of the conversation before this point:\n\n${summary}`;
  return { type: 'message', role: 'user', content: [{ type: 'input_text', text }] };
}
