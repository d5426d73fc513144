/**
 * The console's files, read once from a fixed folder and served by name: no path of a request ever reaches the file system. TypeScript is stripped of its
 * types here, so there is no build step; a package carries it compiled already. Fails closed: a name that is not in the folder is not found.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import type { AdminExchange } from './exchange.ts';

interface ConsoleFile {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

const FOLDER = join(import.meta.dirname, '../../console');
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  ts: 'text/javascript; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};
let files: ReadonlyMap<string, ConsoleFile> | undefined;

export function serveConsole(exchange: AdminExchange): void {
  files ??= readFiles();
  const name = exchange.path.replace(/^\/console\/?/, '') || 'index.html';
  const file = files.get(name);
  if (file === undefined) return exchange.fail('not_found');
  // Checked again at every load, so that a new version is never mixed with an old one.
  const headers = { 'content-type': file.type, etag: file.etag, 'cache-control': 'no-cache' };
  if (exchange.request.headers['if-none-match'] === file.etag) exchange.send(304, '', headers);
  else exchange.send(200, file.body, headers);
}

function readFiles(): ReadonlyMap<string, ConsoleFile> {
  const names = readdirSync(FOLDER).filter((name) => /^[a-z0-9-]+\.[a-z]+$/.test(name));
  const read = new Map<string, ConsoleFile>();
  for (const name of names) {
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    if (type === undefined) continue;
    const source = readFileSync(join(FOLDER, name), 'utf8');
    const text = name.endsWith('.ts')
      ? stripTypeScriptTypes(source)
      : name === 'index.html' && !names.includes('main.ts')
        ? source.replace('main.ts', 'main.js')
        : source;
    const body = Buffer.from(text);
    read.set(name, { type, body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` });
  }
  return read;
}
