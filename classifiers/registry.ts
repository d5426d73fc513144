/** Everything that ships, in one explicit order: what is explained first comes first. */
import { controlText } from './recognizers/control-text.ts';
import { PII_RECOGNIZERS } from './recognizers/pii/all.ts';
import { REDACTPII_RECOGNIZERS } from './recognizers/redactpii.ts';
import { SECRET_RECOGNIZERS } from './recognizers/secrets/all.ts';
import type { Recognizer, Tagger } from './recognizer.ts';
import { NAME_TAGGER } from './tagger/tagger.ts';
import { TOPIC_TAGGER } from './topic/topic.ts';

export function builtInRecognizers(): readonly Recognizer[] {
  return [...SECRET_RECOGNIZERS, ...PII_RECOGNIZERS, controlText, ...REDACTPII_RECOGNIZERS];
}

export function builtInTaggers(): readonly Tagger[] {
  return [NAME_TAGGER, TOPIC_TAGGER];
}
