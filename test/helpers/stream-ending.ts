/** Whether a streamed reply of any surface has its protocol's own last word; a bare end is taken for a whole answer by many clients. */
export function endsProperly(text: string): boolean {
  if (text.startsWith('{'))
    return /"done":true[^\n]*\}\n$|^\{"error":[^\n]*\}\n$/m.test(
      text.slice(text.lastIndexOf('\n', text.length - 2) + 1),
    );
  return /data: \[DONE\]\s*$|event: (?:message_stop|error|response\.(?:completed|failed|incomplete))\n[^\n]*\s*$/.test(
    text,
  );
}
