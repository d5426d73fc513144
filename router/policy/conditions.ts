/**
 * Rule conditions in CEL: safe, total and known to operators. Compiled and type-checked at load. Fails closed: a condition that
 * throws at run time is `failed`, and the caller treats its rule as one that matched and may not send outwards.
 */
import { Environment } from '@marcbachmann/cel-js';

/** What a condition can see. Counts and names, no text of the request. */
export interface ConditionInput {
  readonly label: string;
  readonly verdict: string;
  readonly entities: readonly string[];
  readonly signals: readonly string[];
  readonly complexity: number;
  readonly band: string;
  readonly model: string;
  readonly tools: readonly string[];
  readonly principal: string;
  readonly protocol: string;
  readonly chars: number;
  readonly turns: number;
}

export type ConditionResult = 'yes' | 'no' | 'failed';
export type Condition = (input: ConditionInput) => ConditionResult;
export type CompiledCondition =
  | { readonly kind: 'condition'; readonly test: Condition }
  | { readonly kind: 'invalid'; readonly message: string };

const environment = new Environment({
  limits: { maxAstNodes: 500, maxDepth: 32, maxListElements: 500, maxMapEntries: 50, maxCallArguments: 16 },
})
  .registerVariable('label', 'string')
  .registerVariable('verdict', 'string')
  .registerVariable('entities', 'list<string>')
  .registerVariable('signals', 'list<string>')
  .registerVariable('complexity', 'double')
  .registerVariable('band', 'string')
  .registerVariable('model', 'string')
  .registerVariable('tools', 'list<string>')
  .registerVariable('principal', 'string')
  .registerVariable('protocol', 'string')
  .registerVariable('chars', 'int')
  .registerVariable('turns', 'int');

export function compileCondition(source: string): CompiledCondition {
  try {
    const checked = environment.check(source);
    if (!checked.valid) return { kind: 'invalid', message: firstLine(checked.error?.message ?? 'does not type-check') };
    if (checked.type !== 'bool')
      return { kind: 'invalid', message: `yields ${String(checked.type)}, not a truth value` };
    const run = environment.parse(source);
    return {
      kind: 'condition',
      test: (input) => {
        try {
          const result: unknown = run({ ...input, chars: BigInt(input.chars), turns: BigInt(input.turns) });
          return result === true ? 'yes' : result === false ? 'no' : 'failed';
        } catch {
          return 'failed';
        }
      },
    };
  } catch (error) {
    return { kind: 'invalid', message: firstLine(error instanceof Error ? error.message : 'not CEL') };
  }
}

/** The messages quote the operator's own expression, never a request. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}
