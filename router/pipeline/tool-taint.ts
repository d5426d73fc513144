/**
 * Whether a tool call in the history was given something sensitive. A cloud model that sees only placeholders can still steer: it asks for `rev [[…]]`, the value is restored
 * for the tool, and a result in which no recognizer knows it would go back up. Fails closed: anything found anywhere in a call counts.
 */
import { ruleOf } from '../policy/rank.ts';
import type { Classification } from '../../classifiers/classifier.ts';
import type { Finding } from '../../classifiers/finding.ts';
import type { RequestEnvelope } from '../envelope.ts';
import { knownValuesIn } from '../masking/known-values.ts';
import type { MaskMap } from '../masking/store.ts';
import type { CompiledPolicy } from '../policy/decide.ts';

/** `maskedHere` gives the conversation's map, when it has one: values that recognizers do not know without their context are known by it. */
export function toolSawSensitive(
  classification: Classification,
  envelope: RequestEnvelope,
  policy: CompiledPolicy,
  maskedHere: () => MaskMap | undefined,
): boolean {
  const bottom = policy.ladder[0];
  const isAbove = (finding: Finding): boolean => ruleOf(policy, finding.entity).label !== bottom;
  const found = classification.verdict.findings.some(
    (finding) => envelope.where.isInCall(finding.span.segment) && isAbove(finding),
  );
  const masked = found ? undefined : maskedHere();
  // Nothing found and nothing masked is nearly every request; only then are the messages looked at.
  if (!found && (masked === undefined || masked.size === 0)) return false;
  if (!envelope.chat.messages.some((message) => message.toolCalls.length > 0)) return false;
  if (masked === undefined) return found;
  return (
    knownValuesIn(
      envelope.segments.filter((segment) => envelope.where.isInCall(segment.pointer)),
      masked.known(),
    ).length > 0
  );
}
