/**
 * Which ids of tool calls name one conversation. `call_0`, `functions.bash:1` and the like are counted anew in every conversation, by servers, by
 * clients and by Sluice itself where a model gave none; a mark on such an id would keep every later conversation inside. Fails towards
 * no mark: an id that may be counted is left to the chain and the lines, which are marked in any case.
 */

/** Ids that are drawn have eight random characters or more: Ollama's eight, Mistral's nine. */
const DRAWN_CHARS = 8;
/** Digits alone this long are a clock or a random number; shorter ones are a count. */
const CLOCK_DIGITS = 10;
/** Words with small numbers between them: `tool2call10`. Of random ids of letters and digits one in fifteen looks so at eight characters, none at twenty. */
const COUNTED = /^[a-z]{3,256}(?:\d{1,3}[a-z]{4,256}){0,64}\d{0,3}$/;

/** identifyingId is the id without what clients rewrite (OpenClaw drops the underscore of `call_…`), in lower case; empty for one that may be counted. */
export function identifyingId(id: string): string {
  const plain = id.replace(/[^A-Za-z0-9]/g, '').toLowerCase();
  if (plain.length < DRAWN_CHARS || COUNTED.test(plain)) return '';
  return /^\d+$/.test(plain) && plain.length < CLOCK_DIGITS ? '' : plain;
}
