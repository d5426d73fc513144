/**
 * Three bands of the score, and what a request of the uncertain one counts as. An uncertain conversation stays where its
 * last request was, so that a score that wavers about the threshold does not send every other turn elsewhere; inside a tool
 * loop it stays whatever the score, because a change of model would break the run half way.
 */

/** What a request is routed as. */
export type Band = 'simple' | 'complex';
/** The score alone. */
export type Zone = Band | 'uncertain';
/** Who said which band it is. `judge`: a model on a local upstream. `default`: the policy, for every new conversation in the uncertain band. */
export type SettledBy = 'score' | 'conversation' | 'tool-loop' | 'judge' | 'default';

export interface Settled {
  readonly zone: Zone;
  readonly band: Band;
  readonly by: SettledBy;
}

export interface BandOptions {
  readonly threshold: number;
  /** Half the width of the uncertain band. */
  readonly hysteresis: number;
  /** Of a new conversation there; absent means `score`. */
  readonly uncertain?: 'score' | Band;
}

/** zoneOf is the band of the score alone; `uncertain` is within the hysteresis of the threshold. */
export function zoneOf(score: number, options: BandOptions): Zone {
  if (score >= options.threshold + options.hysteresis) return 'complex';
  return score < options.threshold - options.hysteresis ? 'simple' : 'uncertain';
}

/** settleBand settles without a judge. `previous` undefined: the conversation is new. */
export function settleBand(
  score: number,
  options: BandOptions,
  previous: Band | undefined,
  insideToolLoop = false,
): Settled {
  const zone = zoneOf(score, options);
  if (insideToolLoop && previous !== undefined) return { zone, band: previous, by: 'tool-loop' };
  if (zone !== 'uncertain') return { zone, band: zone, by: 'score' };
  if (previous !== undefined) return { zone, band: previous, by: 'conversation' };
  const { uncertain = 'score' } = options;
  if (uncertain !== 'score') return { zone, band: uncertain, by: 'default' };
  return { zone, band: score >= options.threshold ? 'complex' : 'simple', by: 'score' };
}

/** isOpen: nobody but the score or a default settled it, so a judge may be asked. */
export function isOpen({ zone, by }: Settled): boolean {
  return zone === 'uncertain' && (by === 'score' || by === 'default');
}

/** bandOf is the band alone. */
export function bandOf(score: number, options: BandOptions, previous: Band | undefined, insideToolLoop = false): Band {
  return settleBand(score, options, previous, insideToolLoop).band;
}
