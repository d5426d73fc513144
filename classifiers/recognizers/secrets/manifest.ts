/** Kubernetes Secret manifests: every value under `data:` or `stringData:` is a secret, whatever its key is called. */
import { toScore } from '../../finding.ts';
import { keywords } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { isPlaceholder } from './placeholder.ts';

/** How far from `kind: Secret` its data is looked for; objects of a cluster are small. */
const MAX_OBJECT = 8_000;
const KIND = /(?<![A-Za-z])\\?["']?kind\\?["']?\s{0,4}:\s{0,4}\\?["']?Secret\\?["']?(?![A-Za-z])/giy;
const SECTION = /(?<![A-Za-z])\\?["']?(?:data|stringData)\\?["']?\s{0,4}:/g;
const ENTRY =
  /\\?["']?[A-Za-z0-9._-]{1,80}\\?["']?\s{0,4}:\s{0,4}(?:[|>][-+]?\d?\n {1,20})?(?:!!binary )?\\?["']?(?<value>[^\s"'{},#\\][^\n"',{}\\]{3,8000})/dg;

export const secretManifest: Recognizer = {
  name: 'kubernetes-secret',
  entities: ['API_KEY'],
  triggers: [
    keywords(
      'kind: secret',
      'kind:secret',
      'kind: "secret',
      "kind: 'secret",
      'kind":"secret',
      'kind": "secret',
      'kind\\":\\"secret',
      'kind\\": \\"secret',
    ),
  ],
  // One hit reads its whole object.
  cost: 200,
  reach: { before: 14, after: 2 },
  find({ text }, window, report) {
    for (let at = window.start; at < window.end; at++) {
      const letter = text.charCodeAt(at) | 0x20;
      if (letter !== 0x6b && text[at] !== '"' && text[at] !== "'" && text[at] !== '\\') continue;
      KIND.lastIndex = at;
      const kind = KIND.exec(text);
      if (kind === null) continue;
      const [start, end] = objectAround(text, at);
      sections(text, start, end, report);
      return;
    }
  },
};

/** The YAML document, or the neighbourhood in JSON. */
function objectAround(text: string, at: number): [number, number] {
  const from = Math.max(0, at - MAX_OBJECT);
  const to = Math.min(text.length, at + MAX_OBJECT);
  const before = text.lastIndexOf('\n---', at);
  const after = text.indexOf('\n---', at);
  return [Math.max(from, before < 0 ? from : before), Math.min(to, after < 0 ? to : after)];
}

type Report = Parameters<Recognizer['find']>[2];

function sections(text: string, start: number, end: number, report: Report): void {
  const object = text.slice(start, end);
  SECTION.lastIndex = 0;
  for (let section = SECTION.exec(object); section !== null; section = SECTION.exec(object)) {
    const bodyStart = section.index + section[0].length;
    const bodyEnd = sectionEnd(object, section.index, bodyStart);
    ENTRY.lastIndex = bodyStart;
    for (let entry = ENTRY.exec(object); entry !== null && entry.index < bodyEnd; entry = ENTRY.exec(object)) {
      const range = entry.indices?.groups?.['value'];
      const value = entry.groups?.['value']?.trim() ?? '';
      if (range === undefined || value.length < 4 || isPlaceholder(value)) continue;
      report({
        entity: 'API_KEY',
        start: start + range[0],
        end: start + Math.min(range[0] + value.length, bodyEnd),
        score: 0.8,
        pattern: 'data-entry',
        steps: [{ kind: 'pattern', score: toScore(0.8) }],
      });
    }
  }
}

/** Where the section's indentation ends, or its brace closes. */
function sectionEnd(object: string, keyStart: number, bodyStart: number): number {
  const lead = /^\s{0,4}\{/.exec(object.slice(bodyStart, bodyStart + 6));
  if (lead !== null) {
    const close = object.indexOf('}', bodyStart);
    return close < 0 ? object.length : close;
  }
  const lineStart = object.lastIndexOf('\n', keyStart) + 1;
  const indent = keyStart - lineStart;
  let line = object.indexOf('\n', bodyStart);
  while (line >= 0) {
    const next = line + 1;
    const lead2 = /^[ ]{0,40}/.exec(object.slice(next, next + 41))?.[0].length ?? 0;
    const isBlank = object[next + lead2] === '\n' || object[next + lead2] === undefined;
    if (!isBlank && lead2 <= indent) return line;
    line = object.indexOf('\n', next);
  }
  return object.length;
}
