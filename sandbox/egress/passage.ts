/** One connection through the proxy: what became of it and how many bytes went each way. Never what they were. */
import type { EgressEvent } from './egress-event.ts';

/** How one connection ended, for the report. */
export interface Passage {
  code: EgressEvent['code'];
  rule: string;
  /** 1 when a credential was added. */
  credentials: 0 | 1;
  bytesOut: number;
  bytesIn: number;
}

/** Counts bytes for one connection and for all of them; false means the limit is met. */
export type Meter = (passage: Passage, direction: 'bytesOut' | 'bytesIn', bytes: number) => boolean;
