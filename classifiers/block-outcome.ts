/**
 * What reading blocks, and the seams between them, came to; and how remembered ones are put into a request. Plain data without the
 * text, fit for memory.
 */
import type { Block } from './block.ts';
import type { ClassifyOptions } from './classifier.ts';
import type { Finding, NearMiss } from './finding.ts';
import { TAIL } from './joins.ts';
import type { LocalFinding } from './outcome.ts';
import type { Segment } from './segment.ts';
import type { Gap, Signal } from './verdict.ts';

/** What a request came to so far. */
export interface Progress {
  readonly findings: Finding[];
  readonly signals: Signal[];
  readonly gaps: Gap[];
  readonly nearMisses: NearMiss[];
  scannedChars: number;
  /** Pointer of what is being read, for the gap of an interruption. */
  pointer: string;
}

/** A segment that reads on into others, and what is known of it alone. */
export interface Joinable {
  readonly segment: Segment;
  readonly findings: readonly LocalFinding[];
}

/** What reading one block came to. Pointers begin where the block's own ends; no text. */
export interface BlockOutcome {
  /** Counts the outcomes of this process: what is remembered about a row of blocks names them by it. */
  readonly id: number;
  readonly chars: number;
  readonly findings: readonly Finding[];
  readonly signals: readonly Signal[];
  readonly gaps: readonly Gap[];
  /** Its segments of the conversation, in order. */
  readonly talk: readonly {
    readonly role: Segment['role'];
    readonly chars: number;
    readonly findings: readonly LocalFinding[];
  }[];
}

/** What the seams of one block came to, given all talk before it. */
export interface SeamOutcome {
  readonly id: number;
  readonly findings: readonly Finding[];
  readonly gaps: readonly Gap[];
}

export interface ReadBlock {
  readonly block: Block;
  readonly outcome: BlockOutcome;
}

/** Flow of the conversation, the one that goes on from block to block. */
export const CONVERSATION = 0;

/** Near misses are not kept, so what asks for them reads everything. */
export const isRemembered = (block: Block, options: ClassifyOptions): boolean =>
  block.key !== '' && options.nearMisses === 'omit';

/** A row of blocks is known by its last block and the row before it: serial numbers, which hold no text and are never used twice. */
export const rowKey = (before: number, { block, outcome }: ReadBlock): string =>
  `${before} ${outcome.id} ${block.pointer}`;

export const nameOf = ({ entity, span }: Finding): string => `${entity} ${span.start} ${span.end} ${span.segment}`;

/** The blocks before `first` whose ends a seam from there on may reach: per role, and in all, the last TAIL units. */
export function contextOf(talking: readonly ReadBlock[], first: number): readonly ReadBlock[] {
  if (first >= talking.length) return [];
  const heard = new Map<string, number>();
  const needed: ReadBlock[] = [];
  for (let index = first - 1; index >= 0; index--) {
    const at = talking[index] as ReadBlock;
    const isNeeded = at.outcome.talk.some(({ role }) => (heard.get('') ?? 0) < TAIL || (heard.get(role) ?? 0) < TAIL);
    if (!isNeeded) continue;
    needed.unshift(at);
    for (const { role, chars } of at.outcome.talk)
      for (const tail of ['', role]) heard.set(tail, (heard.get(tail) ?? 0) + chars);
  }
  return needed;
}

/** Puts a remembered block where it stands in this request. */
export function place(known: BlockOutcome, pointer: string, progress: Progress): void {
  for (const finding of known.findings)
    progress.findings.push({ ...finding, span: { ...finding.span, segment: pointer + finding.span.segment } });
  for (const signal of known.signals) progress.signals.push({ ...signal, pointer: pointer + signal.pointer });
  for (const gap of known.gaps) progress.gaps.push({ ...gap, pointer: pointer + gap.pointer });
}

/** Whether a finding of one segment already says what a joined one would. */
export function covers(
  known: LocalFinding,
  found: LocalFinding,
  place: { readonly start: number; readonly end: number },
): boolean {
  const says =
    known.finding.entity === found.finding.entity || (known.rank >= found.rank && known.score >= found.score);
  return says && known.start < place.end && place.start < known.end;
}

export function placed(found: LocalFinding, segment: string, start: number, end: number): Finding {
  return { ...found.finding, span: { segment, start, end } };
}

/** What threw once may not throw again: it is never remembered. */
export const hasThrown = ({ gaps }: { readonly gaps: readonly Pick<Gap, 'cause'>[] }): boolean =>
  gaps.some(({ cause }) => cause === 'threw');
