/** Spellings in which programs pass a credential on: as it is, backwards, in hex, and in base64 at each of its three phases. */
export function spellingsOf(token: string): readonly string[] {
  const hex = Buffer.from(token).toString('hex');
  const phases = [0, 1, 2].map((phase) => {
    const text = Buffer.concat([Buffer.alloc(phase), Buffer.from(token)]).toString('base64');
    // What the bytes around it would change is cut off at both ends.
    return text.slice(phase === 0 ? 0 : 4, -4);
  });
  return [
    ...new Set([
      token,
      Array.from(token).toReversed().join(''),
      token.replaceAll('+', '-').replaceAll('/', '_'),
      encodeURIComponent(token),
      hex,
      hex.toUpperCase(),
      ...phases,
      ...phases.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ]),
  ];
}
