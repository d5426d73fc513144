/**
 * Which files of this machine the image of an endpoint on another machine holds: the programs that tools and probes use, what
 * those need to start, and what the operator adds. Only what lies in the system's own directories; set-id bits stay behind.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { NODE_INSIDE } from '../../tools/programs.ts';
import { readElf } from './elf.ts';

export type RootFile =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly source: string;
      readonly mode: number;
      readonly size: number;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'directory'; readonly path: string };

/** Those that are not installed here are left out. */
const PROGRAMS = `
  [ awk b2sum base32 base64 basename bash bunzip2 bzip2 cat chgrp chmod chown chroot cksum clear cmp comm cp csplit curl cut dash
  date dd df diff diff3 dir dircolors dirname du echo egrep env expand expr factor false fgrep find fmt fold free gawk
  getopt git grep groups gunzip gzip head hexdump hostname iconv id infocmp install ionice ipcmk ipcrm ipcs jq kill link ln
  logger logname look ls lsblk make mawk md5sum mkdir mkfifo mknod mktemp more mount mv nice nl nohup nproc nsenter numfmt od
  paste patch pathchk pgrep perl pinky pkill pr printenv printf prlimit ps ptx pwd python3 readlink realpath renice rev rg rm rmdir
  runcon script sdiff sed seq setarch setpriv setsid sh sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort
  split stat stdbuf strings stty su sum sync tac tail tar taskset tee test timeout top touch tput tr true truncate tsort tty umount
  uname unexpand uniq unlink unshare unxz unzip uptime users vdir vmstat watch wc wget whereis which who whoami xargs xz xzcat yes
  zcat zip zstd`
  .trim()
  .split(/\s+/);
const PROGRAM_DIRECTORIES = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];
const DATA = ['/usr/lib/locale/C.utf8', '/usr/share/terminfo', '/usr/lib/git-core'];
const LIBRARY_DIRECTORIES = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'];
/** Beside the libraries that are named, those that the C library opens by itself. */
const OPENED_LATER = ['libgcc_s.so.1', 'libnss_files.so.2', 'libnss_dns.so.2'];
const SYSTEM = /^\/(?:usr|bin|sbin|lib|lib32|lib64|libx32)\//;
/** What nobody runs: caches, tests and tools to build against them. */
const NEEDLESS = /\/(?:__pycache__|test|tests|idlelib|lib2to3|turtledemo|ensurepip|config-3[^/]*)(?:\/|$)/;
const MODE = 0o755;

/** In order of their paths. `include` are absolute paths of files and directories; Node is where plans look for it. */
export function rootFiles(node: string, include: readonly string[]): readonly RootFile[] {
  const found = new Map<string, RootFile>();
  const pending: string[] = [];
  const libraryDirectories = [...LIBRARY_DIRECTORIES.flatMap(withTriplet), ...configuredDirectories()];

  /** Adds what a path names and, where it is a link, what that leads to. Names beneath linked directories get their own. */
  const add = (path: string): void => {
    if (!existsSync(dirname(path))) return;
    const canonical = join(realpathSync(dirname(path)), basename(path));
    if (found.has(canonical)) return;
    let stats;
    try {
      stats = lstatSync(canonical);
    } catch {
      return;
    }
    if (stats.isSymbolicLink()) {
      const target = readlinkSync(canonical);
      // /etc inside is made of other files, its alternatives among them.
      if (SYSTEM.test(canonical)) found.set(canonical, { kind: 'link', path: canonical, target });
      if (found.has(canonical) || canonical.startsWith('/etc/alternatives/')) add(resolve(dirname(canonical), target));
      return;
    }
    if (!SYSTEM.test(canonical) || NEEDLESS.test(canonical)) return;
    if (stats.isDirectory()) {
      found.set(canonical, { kind: 'directory', path: canonical });
      for (const name of readdirSync(canonical)) add(join(canonical, name));
    } else if (stats.isFile()) {
      found.set(canonical, {
        kind: 'file',
        path: canonical,
        source: canonical,
        mode: stats.mode & MODE,
        size: stats.size,
      });
      pending.push(canonical);
    }
  };
  const addNeeds = (file: string): void => {
    const needs = readElf(file);
    if (needs === undefined) return;
    if (needs.interpreter !== '') add(needs.interpreter);
    const own = needs.runPaths.map((path) => path.replace(/\$\{?ORIGIN\}?/, dirname(file)));
    for (const library of needs.libraries) {
      const directory = [...own, ...libraryDirectories].find((each) => existsSync(join(each, library)));
      if (directory !== undefined) add(join(directory, library));
    }
  };

  for (const name of PROGRAMS) for (const directory of PROGRAM_DIRECTORIES) add(join(directory, name));
  for (const path of [...DATA, ...pythonLibrary(), ...perlLibrary(), ...include]) add(path);
  for (const library of OPENED_LATER) for (const directory of libraryDirectories) add(join(directory, library));
  const nodeFile = realpathSync(node);
  addNeeds(nodeFile);
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) addNeeds(file);

  const { size } = statSync(nodeFile);
  found.set(NODE_INSIDE, { kind: 'file', path: NODE_INSIDE, source: nodeFile, mode: MODE, size });
  for (const path of Array.from(found.keys()))
    for (let above = dirname(path); above !== '/'; above = dirname(above))
      if (!found.has(above)) found.set(above, { kind: 'directory', path: above });
  return [...found.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Debian keeps libraries beneath the name of the machine. */
function withTriplet(directory: string): readonly string[] {
  const names = process.arch === 'arm64' ? ['aarch64-linux-gnu'] : ['x86_64-linux-gnu'];
  return [...names.map((name) => join(directory, name)), directory];
}

function configuredDirectories(): readonly string[] {
  try {
    return readdirSync('/etc/ld.so.conf.d')
      .toSorted()
      .flatMap((name) => readFileSync(join('/etc/ld.so.conf.d', name), 'utf8').split('\n'))
      .map((line) => line.trim())
      .filter((line) => SYSTEM.test(line));
  } catch {
    return [];
  }
}

/** The standard library of the python3 that is installed, without what distributions or pip added. */
function pythonLibrary(): readonly string[] {
  try {
    return [join('/usr/lib', basename(realpathSync('/usr/bin/python3')))];
  } catch {
    return [];
  }
}

function perlLibrary(): readonly string[] {
  return LIBRARY_DIRECTORIES.flatMap(withTriplet).map((directory) => join(directory, 'perl-base'));
}
