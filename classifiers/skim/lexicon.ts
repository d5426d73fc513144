/** lexiconOf says all that the taggers' tables know of one word by its hash, so that a word is looked up once however many tables there are. */
import { PARTICLES } from '../tagger/cues.ts';
import { knownBits } from '../tagger/gazetteer.ts';
import { TOPIC_CUES } from '../topic/cues.ts';
import { LOCALITY_CUES } from '../topic/locality.ts';
import { POSSESSION_CUES } from '../topic/possession.ts';
import { WORD } from './word-flags.ts';

const TABLES = [TOPIC_CUES, LOCALITY_CUES, POSSESSION_CUES];

export function lexiconOf(hash: number): number {
  return (
    knownBits(hash) |
    (PARTICLES.has(hash) ? WORD.particle : 0) |
    (TABLES.some((table) => table.speaks(hash)) ? WORD.cue : 0)
  );
}
