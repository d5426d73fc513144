/**
 * foundIn reads a text with the real scan, normalisation and views, and returns what reaches its entity's shipped threshold as
 * `ENTITY:value`, the value as it stands in the given text. candidatesIn returns all, near misses too. A gap is a failure.
 */
import { createReader, read } from '../../../classifiers/read.ts';
import type { Reading, Sighting } from '../../../classifiers/reading.ts';
import { UNPACED } from '../../../classifiers/pace.ts';
import type { Recognizer } from '../../../classifiers/recognizer.ts';
import { DEFAULT_ENTITIES } from '../../../config/defaults.ts';

const readers = new Map<readonly Recognizer[], ReturnType<typeof createReader>>();

function sightingsIn(recognizers: readonly Recognizer[], text: string, hint: string): readonly Sighting[] {
  const reader = readers.get(recognizers) ?? createReader(recognizers, []);
  readers.set(recognizers, reader);
  const reading: Reading = { sightings: [], signals: [], gaps: [] };
  const options = {
    input: { hint, role: 'user', form: 'text' },
    tiers: 'structured',
    rejected: 'collect',
    isAllowed: () => false,
    onAllowed: () => {},
    isIdle: () => false,
  } as const;
  for (const _step of read(reader, text, reading, options, UNPACED));
  if (reading.gaps.length > 0) throw new Error(`gap: ${reading.gaps[0]?.classifier} ${reading.gaps[0]?.cause}`);
  return reading.sightings;
}

export function candidatesIn(
  recognizers: readonly Recognizer[],
  text: string,
  hint = '',
): readonly Sighting['candidate'][] {
  return sightingsIn(recognizers, text, hint).map(({ candidate }) => candidate);
}

export function foundIn(recognizers: readonly Recognizer[], text: string, hint = ''): readonly string[] {
  const kept = sightingsIn(recognizers, text, hint).filter(
    ({ candidate: { rejected, entity, score } }) =>
      rejected === undefined && score >= (DEFAULT_ENTITIES[entity]?.threshold ?? 0.5),
  );
  return [...new Set(kept.map(({ candidate, start, end }) => `${candidate.entity}:${text.slice(start, end)}`))];
}
