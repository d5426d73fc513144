/**
 * Cost of the strict parser against JSON.parse on an agent-shaped body. Run: npx node test/bench/json.ts
 * Interleaved rounds, medians: the machine is shared.
 */
import { parseJson } from '../../router/json/parse.ts';

const LIMITS = { maxDepth: 64, maxLeaves: 1_000_000 };

/** agentBody is a request of about `bytes` bytes: system prompt, history and 18 tool schemas, as coding agents send. */
export function agentBody(bytes: number, unicode: 'ascii' | 'unicode'): Buffer {
  const tools = Array.from({ length: 18 }, (_, tool) => ({
    type: 'function',
    function: {
      name: `tool_${tool}`,
      description: `Does work number ${tool}. Use it when the person asks for it. ${'It has rules. '.repeat(12)}`,
      parameters: {
        type: 'object',
        properties: Object.fromEntries(
          Array.from({ length: 9 }, (_unused, index) => [
            `parameter_${tool}_${index}`,
            { type: 'string', description: `What parameter ${index} means`, minLength: index, enum: ['one', 'two'] },
          ]),
        ),
        required: ['parameter_1'],
        additionalProperties: false,
      },
    },
  }));
  const messages: unknown[] = [];
  const dash = unicode === 'unicode' ? '—' : '-';
  const body = { model: 'auto', stream: true, messages, tools };
  const prose = `You are careful ${dash} very.\nFollow the rules.\n\n- one\n- two "quoted"\n`;
  while (JSON.stringify(body).length < bytes) {
    messages.push({
      role: messages.length === 0 ? 'system' : messages.length % 2 ? 'user' : 'assistant',
      content: prose.repeat(24),
    });
  }
  return Buffer.from(JSON.stringify(body));
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

if (import.meta.main) {
  for (const unicode of ['ascii', 'unicode'] as const) {
    const body = agentBody(60_000, unicode);
    const parsed = parseJson(body, LIMITS);
    if (parsed.kind !== 'document') throw new Error('the bench body must parse');
    const ours: number[] = [];
    const native: number[] = [];
    for (let round = 0; round < 60; round++) {
      let start = process.hrtime.bigint();
      for (let turn = 0; turn < 40; turn++) JSON.parse(body.toString());
      native.push(Number(process.hrtime.bigint() - start) / 40_000);
      start = process.hrtime.bigint();
      for (let turn = 0; turn < 40; turn++) parseJson(body, LIMITS);
      ours.push(Number(process.hrtime.bigint() - start) / 40_000);
    }
    const [a, b] = [median(ours.slice(20)), median(native.slice(20))];
    process.stdout.write(
      `${unicode}: ${body.length} bytes, ${parsed.document.leaves.length} leaves: strict ${a.toFixed(0)} us, JSON.parse ${b.toFixed(0)} us, ratio ${(a / b).toFixed(2)}\n`,
    );
  }
}
