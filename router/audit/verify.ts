/**
 * The whole chain read from its beginning, or from its anchor: every link, every record, every instance's numbers, the signatures. What is broken is named by segment and, where it can be,
 * by record. Fails closed: what cannot be read is broken, and a problem anywhere makes the chain not whole.
 */
import { hash } from 'node:crypto';
import type { Database } from '../store/database.ts';
import { StoreFault } from '../store/database.ts';
import { GENESIS, hashOf, LEAF_BYTES, type SegmentHeader, unpack } from './segment.ts';
import type { Verifier } from './signer.ts';
import { type AnchorHeader, type Head, readAnchor, readSegments, type StoredSegment } from './table.ts';

export interface ChainProblem {
  readonly code:
    | 'unreadable'
    | 'missing-segments'
    | 'broken-link'
    | 'changed-header'
    | 'changed-columns'
    | 'changed-leaves'
    | 'changed-record'
    | 'wrong-count'
    | 'out-of-order'
    | 'bad-signature'
    | 'unknown-key'
    | 'bad-anchor'
    | 'cut-tail'
    | 'other-chain'
    | 'taken-away';
  /** Segment; 0 where it is the chain as a whole. */
  readonly n: number;
  /** `i` of the record in its instance, where one is meant. */
  readonly record?: number;
  readonly detail: string;
}

/** What is no break but has to be known by whoever relies on the chain. */
export interface ChainNote {
  readonly code: 'pruned' | 'lost-records' | 'clock-back' | 'no-stop' | 'no-head-file';
  readonly n: number;
  readonly detail: string;
}

export interface ChainReport {
  readonly whole: boolean;
  readonly segments: number;
  readonly records: number;
  /** First and last segment; 0 in an empty chain. */
  readonly first: number;
  readonly head: Head | undefined;
  /** Epoch milliseconds of the oldest and newest record; 0 in an empty chain. */
  readonly from: number;
  readonly to: number;
  readonly keys: readonly string[];
  readonly problems: readonly ChainProblem[];
  readonly notes: readonly ChainNote[];
}

export interface VerifyOptions {
  readonly verifier: Verifier;
  /** Heads known from elsewhere (head file, a log line, a noted one): they must be in the chain. */
  readonly heads?: readonly Head[];
  /** Check every signature, not only the last of each key: the last one covers all before it. */
  readonly everySignature?: boolean;
  /** Told of each line of each segment whose hash holds, with the bytes of the record. */
  readonly onRecord?: (line: Buffer, segment: SegmentHeader) => void;
}

/** A clock is set by a few milliseconds all day long. */
const CLOCK_SLACK_MS = 1_000;
const MAX_NAMED = 200;

export async function verifyChain(database: Database, options: VerifyOptions): Promise<ChainReport> {
  const walk = new Walk(options);
  try {
    await walk.begin(database);
    for await (const stored of readSegments(database, 0)) walk.visit(stored);
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    walk.problem('unreadable', 0, `the store cannot be read further (${error.reason})`);
  }
  return walk.report();
}

class Walk {
  readonly #options: VerifyOptions;
  readonly #problems: ChainProblem[] = [];
  readonly #notes: ChainNote[] = [];
  readonly #instances = new Map<string, { next: number; to: number; stopped: boolean; n: number }>();
  readonly #lastByKey = new Map<string, StoredSegment>();
  readonly #wanted: Head[];
  #expected = 1;
  #prev = GENESIS;
  #anchored = 0;
  #segments = 0;
  #records = 0;
  #first = 0;
  #from = 0;
  #to = 0;
  #head: Head | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#wanted = [...(options.heads ?? [])];
  }

  problem(code: ChainProblem['code'], n: number, detail: string, record?: number): void {
    if (this.#problems.length < MAX_NAMED)
      this.#problems.push({ code, n, detail, ...(record === undefined ? {} : { record }) });
  }

  async begin(database: Database): Promise<void> {
    const anchor = await readAnchor(database);
    if (anchor === undefined) return;
    let header: AnchorHeader;
    try {
      header = JSON.parse(anchor.headerText) as AnchorHeader;
    } catch {
      return this.problem('bad-anchor', 0, 'the anchor of what was pruned cannot be read');
    }
    const checked = this.#options.verifier.check(anchor.headerText, anchor.signature, header.key);
    if (checked !== 'valid') this.problem('bad-anchor', header.upTo, `the anchor's signature is ${checked}`);
    this.#expected = header.upTo + 1;
    this.#prev = header.hash;
    this.#anchored = header.upTo;
    this.#head = { n: header.upTo, hash: header.hash };
    this.#notes.push({
      code: 'pruned',
      n: header.upTo,
      detail: `${header.records} records up to segment ${header.upTo} were pruned; the last time on ${new Date(header.at).toISOString()}`,
    });
  }

  visit(stored: StoredSegment): void {
    const { n } = stored;
    if (n <= this.#anchored) return this.problem('out-of-order', n, 'a segment that was pruned is there again');
    if (n > this.#expected)
      this.problem(
        'missing-segments',
        this.#expected,
        this.#expected === n - 1 ? `segment ${n - 1} is missing` : `segments ${this.#expected} to ${n - 1} are missing`,
      );
    const hashed = hashOf(stored.headerText, stored.signature);
    const header = readHeader(stored.headerText);
    this.#segments += 1;
    if (this.#first === 0) this.#first = n;
    if (header === undefined) {
      this.problem('changed-header', n, 'the header cannot be read');
      this.#go(n, hashed);
      return;
    }
    if (hashed !== stored.hash)
      this.problem('changed-header', n, 'header or signature do not have the hash they are stored under');
    if (n === this.#expected && header.prev !== this.#prev)
      this.problem('broken-link', n, 'the header names another segment before it than the one that is there');
    if (header.n !== n) this.problem('out-of-order', n, `the header says it is segment ${header.n}`);
    if (header.instance !== stored.instance || header.count !== stored.records || header.to !== stored.toAt)
      this.problem('changed-columns', n, 'columns say something else than the signed header');
    this.#sign(stored, header);
    this.#open(stored, header);
    this.#instance(header);
    if (header.missing !== undefined)
      this.problem(
        'taken-away',
        n,
        `when this was written, segment ${header.missing.n} that its instance had written before was no longer in the chain`,
      );
    for (const wanted of this.#wanted)
      if (wanted.n === n && wanted.hash !== hashed)
        this.problem('other-chain', n, 'this is not the segment that was noted elsewhere as head');
    this.#go(n, hashed);
  }

  report(): ChainReport {
    for (const [key, stored] of this.#lastByKey) {
      if (this.#options.everySignature === true) break;
      this.#checkSignature(stored, key);
    }
    for (const wanted of this.#wanted)
      if (wanted.n > (this.#head?.n ?? 0))
        this.problem(
          'cut-tail',
          wanted.n,
          `segment ${wanted.n} was noted elsewhere as head, but the chain ends at ${this.#head?.n ?? 0}: the end was cut off`,
        );
    if (this.#options.heads?.length === 0)
      this.#notes.push({
        code: 'no-head-file',
        n: 0,
        detail: 'no head is known from elsewhere: a cut at the very end cannot be seen',
      });
    for (const [instance, { stopped, n }] of this.#instances)
      if (!stopped)
        this.#notes.push({
          code: 'no-stop',
          n,
          detail: `instance ${instance} wrote no stop: it runs, or it was killed and what it had not sealed is not here`,
        });
    return {
      whole: this.#problems.length === 0,
      segments: this.#segments,
      records: this.#records,
      first: this.#first,
      head: this.#head,
      from: this.#from,
      to: this.#to,
      keys: [...this.#lastByKey.keys()],
      problems: this.#problems,
      notes: this.#notes,
    };
  }

  #go(n: number, hashed: string): void {
    this.#expected = n + 1;
    this.#prev = hashed;
    this.#head = { n, hash: hashed };
  }

  #sign(stored: StoredSegment, header: SegmentHeader): void {
    this.#lastByKey.set(header.key, stored);
    if (this.#options.everySignature === true) this.#checkSignature(stored, header.key);
  }

  #checkSignature(stored: StoredSegment, key: string): void {
    const checked = this.#options.verifier.check(stored.headerText, stored.signature, key);
    if (checked === 'invalid') this.problem('bad-signature', stored.n, 'the signature is not of this header');
    else if (checked === 'unknown-key')
      this.problem(
        'unknown-key',
        stored.n,
        `signed by key ${key.replace(/[^0-9a-f]/g, '')}, which is not one that was given`,
      );
  }

  /** Records against their leaves, leaves against the root. */
  #open(stored: StoredSegment, header: SegmentHeader): void {
    const { n, leaves } = stored;
    if (hash('sha256', leaves, 'hex') !== header.root)
      this.problem('changed-leaves', n, 'the hashes of the records are not those that were signed');
    const lines = unpack(stored.body);
    if (lines === undefined) return this.problem('unreadable', n, 'the records cannot be unpacked');
    if (lines.length !== header.count || leaves.length !== header.count * LEAF_BYTES)
      this.problem('wrong-count', n, `${lines.length} records where ${header.count} were signed`);
    // Digests as text cost half of digests as bytes: no object each.
    const signed = Buffer.from(leaves.buffer, leaves.byteOffset, leaves.byteLength).toString('hex');
    for (const [index, line] of lines.entries()) {
      const record = header.first + index;
      if (!signed.startsWith(hash('sha256', line, 'hex'), index * 2 * LEAF_BYTES)) {
        this.problem(
          'changed-record',
          n,
          `record ${record} of instance ${header.instance} is not what was signed`,
          record,
        );
        continue;
      }
      if (!startsWithNumber(line, record))
        this.problem('out-of-order', n, `record ${record} has another number`, record);
      this.#options.onRecord?.(line, header);
    }
    this.#records += lines.length;
    if (this.#from === 0 || header.from < this.#from) this.#from = header.from;
    this.#to = Math.max(this.#to, header.to);
    const last = lines.at(-1);
    if (last?.includes(STOP) === true) this.#stopped.add(header.instance);
  }

  readonly #stopped = new Set<string>();

  #instance(header: SegmentHeader): void {
    const known = this.#instances.get(header.instance);
    if (known === undefined) {
      // An instance whose beginning was pruned goes on with whatever number it had.
      if (header.first - header.lost !== 1 && this.#anchored === 0)
        this.problem('out-of-order', header.n, `instance ${header.instance} begins with record ${header.first}`);
    } else {
      if (header.first - header.lost !== known.next)
        this.problem(
          'out-of-order',
          header.n,
          `instance ${header.instance} goes on with record ${header.first - header.lost}, where ${known.next} was next`,
        );
      if (header.from < known.to - CLOCK_SLACK_MS)
        this.#notes.push({
          code: 'clock-back',
          n: header.n,
          detail: `the clock of instance ${header.instance} went back by ${known.to - header.from} ms: times before and after overlap`,
        });
    }
    if (header.to < header.from - CLOCK_SLACK_MS)
      this.#notes.push({
        code: 'clock-back',
        n: header.n,
        detail: `the clock of instance ${header.instance} went back by ${header.from - header.to} ms inside the segment`,
      });
    if (header.lost > 0)
      this.#notes.push({
        code: 'lost-records',
        n: header.n,
        detail: `${header.lost} records of instance ${header.instance} could not be written and were dropped`,
      });
    this.#instances.set(header.instance, {
      next: header.first + header.count,
      to: header.to,
      stopped: this.#stopped.has(header.instance),
      n: header.n,
    });
  }
}

const STOP = Buffer.from('"kind":"stop"');

function startsWithNumber(line: Buffer, record: number): boolean {
  return line.toString('latin1', 0, 32).startsWith(`{"i":${record},"at":`);
}

function readHeader(text: string): SegmentHeader | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'n' in value && 'prev' in value && 'instance' in value
      ? (value as SegmentHeader)
      : undefined;
  } catch {
    return undefined;
  }
}
