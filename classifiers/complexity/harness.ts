/**
 * withoutHarness drops what an agent's harness wrote into a user message: reminders, environment blocks, internal
 * context. They are kilobytes of the same text each turn, so left in they would decide every score. Fails open to
 * "keep": an unclosed block counts as the person's text, except OpenClaw's, which runs to the end by its own format.
 */
const OPENING =
  /<(system-reminder|system_reminder|environment_context|environment_details|user_instructions|permissions|local-command-stdout|local-command-caveat|command-name|command-message|context_window|ide_opened_file|turn_aborted|INSTRUCTIONS)\b[^>\n]{0,200}>|<<<BEGIN_([A-Z_]{1,60})>>>/g;
/** Read of each message from its start and end; what agents put around an ask is 12 KB at most in the captures. */
const HEAD = 48 * 1024;
const TAIL = 16 * 1024;

export function withoutHarness(text: string): string {
  const read = text.length > HEAD + TAIL ? `${text.slice(0, HEAD)}\n${text.slice(-TAIL)}` : text;
  if (!read.includes('<')) return read;
  let kept = '';
  let from = 0;
  OPENING.lastIndex = 0;
  for (let match = OPENING.exec(read); match !== null; match = OPENING.exec(read)) {
    const closing = match[1] === undefined ? `<<<END_${match[2]}>>>` : `</${match[1]}>`;
    const end = read.indexOf(closing, OPENING.lastIndex);
    if (end === -1) {
      if (match[1] !== undefined) continue;
      kept += read.slice(from, match.index);
      return kept;
    }
    kept += read.slice(from, match.index);
    from = end + closing.length;
    OPENING.lastIndex = from;
  }
  return kept + read.slice(from);
}
