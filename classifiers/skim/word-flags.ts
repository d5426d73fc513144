/** What the lexicon knows of a word, as bits. skim.as reads the first six. */
export const WORD = {
  first: 1,
  last: 2,
  place: 4,
  dictionary: 8,
  /** Stands inside names in small letters. */
  particle: 16,
  /** In a table of cues for topics, possession or locality. */
  cue: 32,
} as const;
