/** The bytes of one turn for one upstream, in its wire, cleared for it and nobody else. Fails closed: without a Cleared there is nothing to send. */
import { clear, type Clearance, type Cleared, type SealedPiece } from '../clearance.ts';
import type { Route } from '../decision.ts';
import { withQuirks } from '../protocols/body-quirks.ts';
import type { NoteSeal, PassthroughProtocol, Protocol } from '../protocols/protocol.ts';
import { CLOUD_WIRES } from '../protocols/wire.ts';
import type { SealedWords } from '../seals.ts';
import type { CloudUpstream } from '../upstreams/upstream.ts';
import type { Context, RequestScope } from './context.ts';
import type { Ready } from './mask-turn.ts';
import type { Turn } from './prepare.ts';

export type Outgoing =
  | {
      readonly kind: 'cleared';
      readonly cleared: Cleared;
      /** The client's protocol, where the upstream speaks it too. */
      readonly native: PassthroughProtocol | undefined;
      readonly note: NoteSeal;
      readonly model: string;
      /** Opaque pieces that were left out, because memory does not know them for the upstream's own. */
      readonly lost: readonly SealedWords[];
    }
  /** The wire has no way to say what was asked. */
  | { readonly kind: 'unsupported' }
  | (Clearance & { readonly kind: 'refused' });

export function clearFor(
  turn: Turn,
  route: Route & { readonly kind: 'cloud' | 'cloud-masked' },
  upstream: CloudUpstream,
  sees: string,
  protocol: Protocol,
  ready: Ready,
  scope: RequestScope,
  context: Context,
): Outgoing {
  const { stream, choices } = turn.envelope.chat;
  const wire = CLOUD_WIRES[upstream.wire];
  if (choices > 1 && wire.choices === 'one') return { kind: 'unsupported' };
  const model = route.model === '' ? upstream.defaultModel : route.model;
  const pieces: SealedPiece[] = [];
  const lost: SealedWords[] = [];
  const isFrom = (seal: string, said?: string): boolean =>
    context.seals.isFrom(scope.principal, upstream.name, seal, said);
  const change = {
    model,
    stream,
    includeUsage: stream,
    ...(upstream.maxTokens === undefined ? {} : { maxTokens: upstream.maxTokens }),
    carriesTools: context.config.surfaces.providerTools === 'carry',
    keepSeal: (seal: string, said = '') => {
      const known = isFrom(seal, said);
      if (known) pieces.push({ seal, said });
      else lost.push({ seal, said });
      return known;
    },
  };
  const native = isPassthrough(protocol, upstream.wire) ? protocol : undefined;
  const plain = native?.forUpstream(ready.document, change) ?? wire.fromNeutral(ready.chat, change);
  const body = upstream.quirks === undefined ? plain : withQuirks(plain, upstream.quirks);
  const features = native === undefined ? [] : scope.features;
  const clearance = clear(
    ready.classification,
    ready.label,
    { upstream: upstream.name, path: wire.path, body, stream, model, ...(features.length === 0 ? {} : { features }) },
    { sees, ladder: context.policy.ladder, relief: turn.weighed.relief },
    context.classifier,
    { pieces, isFrom },
    ready.surrogates,
  );
  if (clearance.kind === 'refused') return clearance;
  const note: NoteSeal = (seal, said) => context.seals.relayed(scope.principal, upstream.name, seal, said);
  return { kind: 'cleared', cleared: clearance.cleared, native, note, model, lost };
}

function isPassthrough(protocol: Protocol, wire: string): protocol is PassthroughProtocol {
  return protocol.name === wire && 'forUpstream' in protocol;
}
