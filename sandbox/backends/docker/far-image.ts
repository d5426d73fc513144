/**
 * The image for engines on other machines: everything a sandbox needs, made of this machine's own files and fetched from
 * nowhere. It is named by the digest of its content, and an engine that holds it must say that digest of its only layer; what
 * runs is named by the digest of the image, so a tag that is moved changes nothing. Fails closed: another digest is a fault.
 */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { readHostLayout, stagingDirectory } from '../host-layout.ts';
import { EngineFault } from './engine.ts';
import type { Engine } from './engine.ts';
import { baseEntries } from './image.ts';
import type { ImageTree } from './image.ts';
import { rootFiles } from './root-files.ts';
import type { RootFile } from './root-files.ts';
import { paddingOf, TAR_END, tarHeader } from './tar.ts';
import type { TarEntry } from './tar.ts';

export interface FarImage {
  /** Of the layer, in hex. */
  readonly digest: string;
  readonly bytes: number;
  stream(): AsyncIterable<Buffer>;
}

type Entry = TarEntry | RootFile;

/** Reads everything once, for the digest. Shared by all endpoints of a process. */
export async function makeFarImage(tree: ImageTree, node: string, include: readonly string[]): Promise<FarImage> {
  const byPath = new Map<string, Entry>();
  for (const entry of rootFiles(node, include)) byPath.set(entry.path.slice(1), entry);
  for (const entry of baseEntries(tree)) byPath.set(String(entry.path), entry);
  const entries = [...byPath].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, entry]) => ({ ...entry, path }));
  const stream = () => streamOf(entries);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of stream()) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { digest: hash.digest('hex'), bytes, stream };
}

const made = new Map<string, Promise<FarImage>>();

/** One for all endpoints of this process, made when the first needs it, and anew after a failure. */
export function farImage(options: {
  readonly stateDir: string;
  readonly uid: number;
  readonly gid: number;
  readonly include: readonly string[];
}): Promise<FarImage> {
  const { stateDir, uid, gid, include } = options;
  const key = JSON.stringify([uid, gid, include]);
  const known = made.get(key);
  if (known !== undefined) return known;
  const staging = stagingDirectory(stateDir, uid, gid);
  const { links, directories } = readHostLayout(false);
  const making = makeFarImage({ staging, uid, gid, links, directories }, process.execPath, include).finally(() =>
    rmSync(staging, { recursive: true, force: true }),
  );
  made.set(key, making);
  making.catch(() => made.delete(key));
  return making;
}

const CHUNK = 1024 * 1024;

async function* streamOf(entries: readonly Entry[]): AsyncIterable<Buffer> {
  for (const entry of entries) {
    if (entry.kind === 'directory') yield tarHeader({ mode: 0o755, ...entry });
    else if (entry.kind === 'link') yield tarHeader(entry);
    else if ('bytes' in entry) yield Buffer.concat([tarHeader(entry), entry.bytes, paddingOf(entry.bytes.length)]);
    else {
      yield tarHeader(entry);
      const file = await open(entry.source);
      try {
        for (let left = entry.size; left > 0;) {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(Math.min(CHUNK, left)));
          if (bytesRead === 0) throw new EngineFault('a file of the image changed', 0);
          left -= bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await file.close();
      }
      yield paddingOf(entry.size);
    }
  }
  yield TAR_END;
}

/** A few hundred megabytes over a slow line. */
const IMPORT_TIMEOUT_MS = 900_000;

const described = z.object({
  Id: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  RootFS: z.object({ Layers: z.array(z.string()) }),
});

/** The image's own digest at this engine, `sha256:…`, brought there when the engine does not have it. */
export async function ensureFarImage(engine: Engine, repository: string, image: FarImage): Promise<string> {
  const tag = `far-${image.digest.slice(0, 16)}`;
  const there = async (): Promise<string | undefined> => {
    const answer = await engine
      .ask({ method: 'GET', path: `/images/${repository}:${tag}/json` })
      .catch((error: unknown) => {
        if (error instanceof EngineFault && error.status === 404) return undefined;
        throw error;
      });
    if (answer === undefined) return undefined;
    const parsed = described.safeParse(answer);
    const [layer, ...more] = parsed.success ? parsed.data.RootFS.Layers : [];
    if (!parsed.success || layer !== `sha256:${image.digest}` || more.length > 0)
      throw new EngineFault('another image than was sent', 0);
    return parsed.data.Id;
  };
  const known = await there();
  if (known !== undefined) return known;
  const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag });
  await engine.ask({
    method: 'POST',
    path: `/images/create?${query.toString()}`,
    archive: image.stream,
    timeoutMs: IMPORT_TIMEOUT_MS,
  });
  const made = await there();
  if (made === undefined) throw new EngineFault('import failed', 0);
  return made;
}
