/**
 * Conditions in CEL, of rules and of entities: safe, total and known to operators. Compiled and type-checked at load. Fails closed: a condition
 * that throws at run time is `failed`; a rule's is then one that matched and may not send outwards, an entity's can only raise.
 */
import { Environment } from '@marcbachmann/cel-js';

/** What a rule's condition can see. Counts and names, no text of the request. */
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

/** What an entity's condition can see. */
export interface EntityConditionInput {
  /** Different values of the entity in the request. */
  readonly count: number;
  /** Of its surest finding. */
  readonly score: number;
  /** The entity's own, before conditions. */
  readonly label: string;
  readonly entities: readonly string[];
  readonly signals: readonly string[];
  readonly model: string;
  readonly tools: readonly string[];
  readonly principal: string;
  readonly protocol: string;
  readonly chars: number;
  readonly turns: number;
}

export type ConditionResult = 'yes' | 'no' | 'failed';
export type Condition = (input: ConditionInput) => ConditionResult;
export type EntityCondition = (input: EntityConditionInput) => ConditionResult;
export type CompiledCondition<Input = ConditionInput> =
  | { readonly kind: 'condition'; readonly test: (input: Input) => ConditionResult }
  | { readonly kind: 'invalid'; readonly message: string };

const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 500, maxMapEntries: 50, maxCallArguments: 16 };
type CelType = 'string' | 'double' | 'int' | 'list<string>';
const SHARED: Readonly<Record<string, CelType>> = {
  label: 'string',
  entities: 'list<string>',
  signals: 'list<string>',
  model: 'string',
  tools: 'list<string>',
  principal: 'string',
  protocol: 'string',
  chars: 'int',
  turns: 'int',
};

const environmentOf = (variables: Readonly<Record<string, CelType>>): Environment => {
  const environment = new Environment({ limits: LIMITS });
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  return environment;
};

const RULES = environmentOf({ ...SHARED, verdict: 'string', complexity: 'double', band: 'string' });
const ENTITIES = environmentOf({ ...SHARED, count: 'int', score: 'double' });

/** compileCondition compiles a rule's `when`. */
export const compileCondition = (source: string): CompiledCondition =>
  compile(RULES, source, (input: ConditionInput) => ({
    ...input,
    chars: BigInt(input.chars),
    turns: BigInt(input.turns),
  }));

/** compileEntityCondition compiles an entity's `when`. */
export const compileEntityCondition = (source: string): CompiledCondition<EntityConditionInput> =>
  compile(ENTITIES, source, (input: EntityConditionInput) => ({
    ...input,
    count: BigInt(input.count),
    chars: BigInt(input.chars),
    turns: BigInt(input.turns),
  }));

function compile<Input>(
  environment: Environment,
  source: string,
  valuesOf: (input: Input) => Record<string, unknown>,
): CompiledCondition<Input> {
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
          const result: unknown = run(valuesOf(input));
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
