/** Takes notice of the opaque pieces of a reply, before anything in it is restored: they vouch for the upstream's own words, and are known again when the client replays them. */
import type { ReplyEvent } from '../chat.ts';
import type { NoteSeal } from '../protocols/protocol.ts';

export async function* noteSeals(events: AsyncIterable<ReplyEvent>, note: NoteSeal): AsyncIterable<ReplyEvent> {
  let said = '';
  for await (const event of events) {
    if (event.kind === 'reasoning') said += event.text;
    if (event.kind === 'reasoning-seal') {
      // Encrypted reasoning stands alone; a signature is good for its words only.
      note(event.seal, event.vouches === true ? said : '');
      said = '';
    }
    if (event.kind === 'native') noteAll(event.value, note);
    if (event.kind === 'annotation' && event.native !== undefined) noteAll(event.native.value, note);
    yield event;
  }
}

function noteAll(value: unknown, note: NoteSeal): void {
  if (typeof value === 'string') note(value, '');
  else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) noteAll(each, note);
}
