/**
 * The image every sandbox starts from, made on this machine and fetched from nowhere: empty directories to mount on, links
 * into /usr, and a generated /etc. The host's /usr is mounted read-only by each container. Its tag is a digest of its content,
 * so a changed tree is another image. Fails closed: an image that cannot be made or found again is a fault.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HOME_INSIDE, SHELL_INSIDE } from '../../tools/programs.ts';
import { stageEtc } from '../host-layout.ts';
import { EngineFault } from './engine.ts';
import type { Engine } from './engine.ts';
import { packTar } from './tar.ts';
import type { TarEntry } from './tar.ts';

const DIRECTORIES = [
  'dev',
  'etc',
  'home',
  'home/agent',
  'opt',
  'opt/backup',
  'opt/node',
  'opt/node/bin',
  'proc',
  'run',
  'sys',
  'usr',
  'var',
  'workspace',
];

function etcEntries(directory: string, inside: string): readonly TarEntry[] {
  return readdirSync(directory)
    .toSorted()
    .flatMap((name): readonly TarEntry[] => {
      const path = join(directory, name);
      const entry = `${inside}/${name}`;
      const stat = lstatSync(path);
      if (stat.isSymbolicLink()) return [{ kind: 'link', path: entry, target: readlinkSync(path) }];
      if (stat.isDirectory()) return [{ kind: 'directory', path: entry, mode: 0o755 }, ...etcEntries(path, entry)];
      return [{ kind: 'file', path: entry, mode: 0o644, bytes: readFileSync(path) }];
    });
}

export interface ImageTree {
  readonly staging: string;
  readonly uid: number;
  readonly gid: number;
  /** Top-level names that are links into /usr, and those that are directories. */
  readonly links: readonly (readonly [string, string])[];
  readonly directories: readonly string[];
}

export const imageArchive = (tree: ImageTree): Buffer => packTar(baseEntries(tree));

/** What is in every image, whether /usr is mounted over it or comes with it. */
export function baseEntries(tree: ImageTree): readonly TarEntry[] {
  const etc = mkdtempSync(join(tree.staging, 'image-'));
  try {
    stageEtc(etc);
    const users: Readonly<Record<string, string>> = {
      passwd: `root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nagent:x:${tree.uid}:${tree.gid}:agent:${HOME_INSIDE}:${SHELL_INSIDE}\n`,
      group: `root:x:0:\nagent:x:${tree.gid}:\n`,
    };
    const isUsers = (path: string): boolean => Object.hasOwn(users, path.slice('etc/'.length));
    return [
      ...[...DIRECTORIES, ...tree.directories].map((path): TarEntry => ({ kind: 'directory', path, mode: 0o755 })),
      { kind: 'directory', path: 'tmp', mode: 0o1777 },
      { kind: 'link', path: 'var/tmp', target: '/tmp' },
      ...tree.links.map(([path, target]): TarEntry => ({ kind: 'link', path, target })),
      ...etcEntries(etc, 'etc').filter(({ path }) => !isUsers(String(path))),
      ...Object.entries(users).map(([name, text]): TarEntry => ({
        kind: 'file',
        path: `etc/${name}`,
        mode: 0o644,
        bytes: Buffer.from(text),
      })),
    ];
  } finally {
    rmSync(etc, { recursive: true, force: true });
  }
}

const IMPORT_TIMEOUT_MS = 60_000;

/** The full name of the image, made when the engine does not have it. */
export async function ensureImage(engine: Engine, repository: string, tree: ImageTree): Promise<string> {
  const archive = imageArchive(tree);
  const tag = createHash('sha256').update(archive).digest('hex').slice(0, 16);
  const name = `${repository}:${tag}`;
  const isThere = (): Promise<boolean> =>
    engine.ask({ method: 'GET', path: `/images/${name}/json` }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof EngineFault && error.status === 404) return false;
        throw error;
      },
    );
  if (await isThere()) return name;
  const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag });
  await engine.ask({
    method: 'POST',
    path: `/images/create?${query.toString()}`,
    archive,
    timeoutMs: IMPORT_TIMEOUT_MS,
  });
  // The import answers 200 and tells of its failure in the body.
  if (!(await isThere())) throw new EngineFault('import failed', 0);
  return name;
}
