/**
 * Every cloud upstream behind this wrapper: no byte leaves without a receipt, whatever path of the program sends it, because provisioning hands out nothing else. Where the audit is required the
 * receipt is on disk before the first byte. Fails closed: what cannot be recorded then is not sent.
 */
import type { Cleared } from '../clearance.ts';
import { failure } from '../upstreams/failure.ts';
import type { CloudUpstream } from '../upstreams/upstream.ts';
import type { SendReceipt } from './event.ts';
import type { Audit } from './audit.ts';
import type { AuditLog } from './log.ts';
import type { ValueDigester } from './receipt.ts';

export type SendFacts = Pick<SendReceipt, 'id' | 'principal' | 'label' | 'sent' | 'masked' | 'policy'>;

/** What a cleared request was made for. A send that nobody described counts as the highest label. */
export class SendNotes {
  readonly #facts = new WeakMap<Cleared, SendFacts>();

  describe(cleared: Cleared, facts: SendFacts): void {
    this.#facts.set(cleared, facts);
  }

  of(cleared: Cleared): SendFacts {
    return this.#facts.get(cleared) ?? { id: '', principal: '', label: '', sent: '', masked: false, policy: '' };
  }
}

declare const auditedBrand: unique symbol;

/** Cloud upstreams by name, each behind the audit. Only this file makes one. */
export type AuditedClouds = ReadonlyMap<string, CloudUpstream> & { readonly [auditedBrand]: true };

export function auditClouds(
  clouds: ReadonlyMap<string, CloudUpstream>,
  { log, sends, digester }: Pick<Audit, 'log' | 'sends' | 'digester'>,
): AuditedClouds {
  return new Map(
    [...clouds].map(([name, each]) => [name, auditUpstream(each, log, sends, digester)]),
  ) as unknown as AuditedClouds;
}

/** narrowClouds leaves some out, or gives them other names of models; what sends stays what it was. */
export function narrowClouds(
  clouds: AuditedClouds,
  change: (upstream: CloudUpstream) => Pick<CloudUpstream, 'models' | 'defaultModel'> | undefined,
): AuditedClouds {
  return new Map(
    [...clouds].flatMap(([name, each]) => {
      const names = change(each);
      return names === undefined ? [] : [[name, { ...each, ...names }] as const];
    }),
  ) as unknown as AuditedClouds;
}

function auditUpstream(
  upstream: CloudUpstream,
  log: AuditLog,
  notes: SendNotes,
  digester: ValueDigester,
): CloudUpstream {
  const record = async (cleared: Cleared): Promise<'written' | 'failed'> => {
    const receipt: SendReceipt = {
      kind: 'send',
      ...notes.of(cleared),
      upstream: upstream.name,
      path: cleared.path,
      bytes: Buffer.byteLength(cleared.body),
      digest: digester.digest(cleared.body),
    };
    if (log.required) return log.commit(receipt);
    log.append(receipt);
    return 'written';
  };
  const unrecorded = { kind: 'failed', failure: failure(upstream.name, 'audit_unavailable', false) } as const;
  const pipeRaw = upstream.pipeRaw?.bind(upstream);
  return {
    ...upstream,
    async send(cleared, options) {
      return (await record(cleared)) === 'failed' ? unrecorded : upstream.send(cleared, options);
    },
    ...(pipeRaw === undefined
      ? {}
      : {
          async pipeRaw(cleared, response, options) {
            return (await record(cleared)) === 'failed'
              ? { ...unrecorded, headSent: false }
              : pipeRaw(cleared, response, options);
          },
        }),
  };
}
