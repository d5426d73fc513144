/**
 * OpenAI's /responses/compact from HTTP to HTTP: a request for a summary of the conversation, which takes the road of every chat; the summary comes back sealed, beside what the user said. Fails closed: what cannot be
 * read or must not be summarised is refused, and a summary that was cut off is an error.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJson } from '../json/parse.ts';
import { editRoot, toJsonText } from '../json/splice.ts';
import { createCompactionWriter } from '../protocols/openai-compaction-writer.ts';
import { createOpenAIResponses } from '../protocols/openai-responses.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { Caller } from '../principals/principal.ts';
import { sealCompaction } from '../responses/compactions.ts';
import { expand } from '../responses/expand.ts';
import { asResource, withId } from '../responses/list-input.ts';
import type { Answer } from './answer.ts';
import { receive, type Opened } from './receive.ts';
import { isMaskable } from './remember.ts';
import { answerChat } from './serve-chat.ts';

const MAX_LEAVES = 500_000;
/** The last thing said in the request; agents ask their models in such words too. */
const WISH =
  'Summarise the conversation above for whoever continues it: goals, decisions, facts, names, files, results of tools, and what is still open. Leave out nothing that is needed to go on. Answer with the summary alone.';
/** Of the request, what a summary has no use for, and what no compact request has. */
const DROPPED = ['tools', 'tool_choice', 'text', 'include', 'stream_options', 'store', 'background', 'reasoning'];

export function serveCompaction(request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> {
  const { context } = caller;
  const principal = caller.principal.id;
  let answer: Answer | undefined;
  let stays: readonly string[] = [];
  const protocol: Protocol = {
    ...createOpenAIResponses({
      providerTools: 'strip',
      writer: { request: {}, tools: new Map(), onDone: () => undefined },
    }),
    createWriter: (sink, options) =>
      createCompactionWriter(sink, options, {
        stays,
        fail: () => {
          if (answer !== undefined) answer.outcome = 'upstream_truncated';
          answer?.fail('upstream_truncated');
        },
        seal: (summary) => {
          const turn = answer?.turn;
          if (answer === undefined || turn === undefined) throw new Error('a summary of nothing');
          const label = answer.decision?.label ?? turn.decision.label;
          return sealCompaction(context.key, principal, { summary, label, maskable: isMaskable(turn, context) });
        },
      }),
  };

  const open = async (bytes: Buffer): Promise<Opened> => {
    const limits = { maxDepth: context.config.listen.maxDepth, maxLeaves: MAX_LEAVES };
    const parsed = parseJson(bytes, limits);
    if (parsed.kind === 'problem') return { kind: 'problem', ...parsed.problem };
    const { root } = parsed.document;
    if (typeof root['model'] !== 'string') return { kind: 'problem', code: 'missing_field', pointer: '/model' };
    const before = root['previous_response_id'];
    if (typeof before === 'string') await context.responses.recall(principal, before);
    // A conversation that is named and nothing else is one to summarise.
    const asked = (root['input'] ?? null) === null ? editRoot(parsed.document, { set: { input: '[]' } }) : undefined;
    const reread = asked === undefined ? parsed : parseJson(Buffer.from(asked), limits);
    if (reread.kind === 'problem') return { kind: 'problem', ...reread.problem };
    const expanded = expand(reread.document, principal, context.responses, context);
    if (expanded.kind === 'problem') return expanded;
    const { items, floor } = expanded;
    stays = items.filter(isOfUser).map((item) => asResource(withId(item)));
    const wish = toJsonText({ type: 'message', role: 'user', content: WISH });
    const source = editRoot(reread.document, {
      set: { input: `[${[...items, wish].join(',')}]`, stream: 'false' },
      drop: [...DROPPED, 'previous_response_id'],
    });
    return {
      kind: 'opened',
      bytes: Buffer.from(source),
      protocol,
      ...(floor === undefined ? {} : { floor }),
    };
  };

  return receive(
    request,
    response,
    protocol,
    caller,
    (received) => {
      answer = received.answer;
      return answerChat(received, protocol, context);
    },
    open,
  );
}

function isOfUser(item: string): boolean {
  const value = JSON.parse(item) as { readonly type?: string; readonly role?: string };
  return (value.type === undefined || value.type === 'message') && value.role === 'user';
}
