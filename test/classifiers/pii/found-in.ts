/**
 * foundIn runs recognizers the way the engine does, over the whole text as one window, and returns what reaches the
 * entity's shipped threshold as `ENTITY:value`. `stale` triggers are an error: a recognizer whose trigger is absent would never run.
 */
import type { Candidate, Recognizer, Trigger } from '../../../classifiers/recognizer.ts';
import { DEFAULT_ENTITIES } from '../../../config/defaults.ts';

export function candidatesIn(recognizers: readonly Recognizer[], text: string, hint = ''): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const recognizer of recognizers) {
    if (!recognizer.triggers.some((trigger) => isSeen(trigger, text) || isSeen(trigger, hint))) continue;
    recognizer.find({ text, hint }, { start: 0, end: text.length }, (candidate) => found.push(candidate));
  }
  return found;
}

export function foundIn(recognizers: readonly Recognizer[], text: string, hint = ''): readonly string[] {
  const kept = candidatesIn(recognizers, text, hint).filter(
    ({ rejected, entity, score }) => rejected === undefined && score >= (DEFAULT_ENTITIES[entity]?.threshold ?? 0.5),
  );
  return [...new Set(kept.map(({ entity, start, end }) => `${entity}:${text.slice(start, end)}`))];
}

function isSeen(trigger: Trigger, text: string): boolean {
  switch (trigger.kind) {
    case 'keyword':
      return trigger.literals.some((literal) => text.toLowerCase().includes(literal.toLowerCase()));
    case 'digits':
      return new RegExp(`\\d(?:(?:[ .\\-/_(),]{0,3}|\\r?\\n)\\d){${trigger.atLeast - 1}}`).test(text);
    case 'run': {
      const unit = { alphanumeric: '[A-Za-z0-9]', hex: '[0-9A-Fa-f]', token: '[A-Za-z0-9+/=_.-]' }[trigger.of];
      return new RegExp(`${unit}{${trigger.atLeast}}`).test(text);
    }
    case 'capitalized':
      return /\p{Lu}\p{Ll}|\p{Lo}/u.test(text);
    case 'always':
      return true;
  }
}
