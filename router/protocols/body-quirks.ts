/** Members of an outgoing body renamed or dropped where a provider has another name for them, or none. Looked at only when one of the names stands in the body at all. */
import { parseJson } from '../json/parse.ts';
import { editRoot } from '../json/splice.ts';
import type { BodyQuirks } from '../upstreams/upstream.ts';

const LIMITS = { maxDepth: 512, maxLeaves: 1_000_000 };

/** withQuirks gives the body as the provider takes it. What renaming would collide with stays under its own name. */
export function withQuirks(body: string, { rename, drop }: BodyQuirks): string {
  const names = [...Object.keys(rename), ...drop];
  if (!names.some((name) => body.includes(`"${name}"`))) return body;
  const parsed = parseJson(Buffer.from(body), LIMITS);
  // Ours, and parsed before: what cannot be parsed now is left for the door to refuse.
  if (parsed.kind === 'problem') return body;
  const { document } = parsed;
  const set: Record<string, string> = {};
  const dropped = drop.filter((name) => document.members.has(name));
  for (const [from, to] of Object.entries(rename)) {
    const member = document.members.get(from);
    if (member === undefined) continue;
    dropped.push(from);
    if (!document.members.has(to)) set[to] = document.source.slice(member.valueStart, member.valueEnd);
  }
  return editRoot(document, { set, drop: dropped });
}
