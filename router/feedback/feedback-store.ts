/**
 * Decisions that people marked as wrong, for evaluate and tune. One encrypted line per mark (AES-256-GCM under a key of its own, derived from the
 * installation's), appended and never changed. Text is in it only where the policy consents and the person gave it. Fails closed: what cannot be encrypted
 * and written is not kept, and a line that does not decrypt is counted, not guessed at.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface FeedbackRow {
  readonly at: number;
  /** Id of the decision; empty when it was given with a text alone. */
  readonly decision: string;
  readonly kind: 'missed' | 'over-flagged';
  /** Who marked it. */
  readonly by: string;
  readonly route: string;
  readonly label: string;
  readonly reasons: readonly string[];
  readonly entities: readonly string[];
  readonly policy: string;
  /** Absent without consent. */
  readonly text?: string;
}

export interface ReadFeedback {
  readonly rows: readonly FeedbackRow[];
  /** Lines of another key, or damaged. */
  readonly unreadable: number;
}

const FILE = 'feedback.enc';
const LARGEST_FILE = 64 * 1024 * 1024;
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

export class FeedbackStore {
  readonly #path: string;
  readonly #key: Buffer;

  constructor(stateDir: string, installationKey: Buffer) {
    this.#path = join(stateDir, FILE);
    this.#key = Buffer.from(hkdfSync('sha256', installationKey, Buffer.alloc(0), 'sluice feedback', 32));
  }

  /** add answers `full` when the file is at its bound; throws when it cannot be written. */
  add(row: FeedbackRow): 'kept' | 'full' {
    if (this.#size() > LARGEST_FILE) return 'full';
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, iv);
    const sealed = Buffer.concat([iv, cipher.update(JSON.stringify(row), 'utf8'), cipher.final(), cipher.getAuthTag()]);
    mkdirSync(join(this.#path, '..'), { recursive: true, mode: 0o700 });
    appendFileSync(this.#path, `${sealed.toString('base64')}\n`, { mode: 0o600 });
    return 'kept';
  }

  read(): ReadFeedback {
    const rows: FeedbackRow[] = [];
    let unreadable = 0;
    if (this.#size() === 0) return { rows, unreadable };
    for (const line of readFileSync(this.#path, 'utf8').split('\n')) {
      if (line === '') continue;
      const row = this.#open(line);
      if (row === undefined) unreadable += 1;
      else rows.push(row);
    }
    return { rows, unreadable };
  }

  /** labelledRows are the marks with a text, as lines that evaluate and tune read. */
  labelledRows(): string {
    return this.read()
      .rows.filter((row) => row.text !== undefined)
      .map((row, index) =>
        JSON.stringify({
          id: row.decision === '' ? `feedback-${index + 1}` : row.decision,
          source: 'feedback',
          label: row.kind === 'missed' ? 'sensitive' : 'safe',
          text: row.text,
        }),
      )
      .join('\n');
  }

  #size(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  #open(line: string): FeedbackRow | undefined {
    const sealed = Buffer.from(line, 'base64');
    if (sealed.length <= IV_BYTES + TAG_BYTES) return undefined;
    try {
      const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      const plain = Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
      // Only we hold the key, so what decrypts is what we wrote.
      return JSON.parse(plain.toString('utf8')) as FeedbackRow;
    } catch {
      return undefined;
    }
  }
}
