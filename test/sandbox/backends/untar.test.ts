/** What comes back from another machine may be written by an enemy: an agent inside, or the engine itself. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, asyncProperty, assert as check, constantFrom, integer, property, uint8Array } from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CARRY_LIMITS, createMarkSplitter, makeCarriage } from '../../../sandbox/backends/docker/carriage.ts';
import { packTrees } from '../../../sandbox/backends/docker/pack-tree.ts';
import { BLOCK, packTar, tarHeader } from '../../../sandbox/backends/docker/tar.ts';
import { untar, UntarFault } from '../../../sandbox/backends/docker/untar.ts';

let area: string;
let place: string;
beforeEach(() => {
  area = mkdtempSync(join(tmpdir(), 'sluice-untar-'));
  place = join(area, 'place');
  mkdirSync(place);
});
afterEach(() => rmSync(area, { recursive: true, force: true }));

async function* inPieces(bytes: Buffer, size = bytes.length): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const unpack = (bytes: Buffer, limits: { maxEntries?: number; maxBytes?: number } = {}, size?: number) =>
  untar(inPieces(bytes, size), {
    places: new Map([['workspace', place]]),
    maxEntries: 100,
    maxBytes: 1_000_000,
    ...limits,
  });
/** The archive with one entry's header changed, and its checksum made right again. */
function forged(change: (header: Buffer) => void, content = Buffer.alloc(0)): Buffer {
  const header = tarHeader({ kind: 'file', path: 'workspace/x', mode: 0o644, size: content.length });
  change(header);
  header.write(' '.repeat(8), 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, content, padding, Buffer.alloc(2 * BLOCK)]);
}
const faultOf = async (work: Promise<void>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof UntarFault ? error.code : `not a fault of the archive: ${String(error)}`),
  );
const everything = (): readonly string[] => readdirSync(area, { recursive: true }).map(String).toSorted();

describe('a tree there and back', () => {
  it('is the same, whatever its names are and however the stream is cut', async () => {
    const names = constantFrom('a', 'ä€', 'n'.repeat(120), ' ', '-rf', 'a\nb', "it's", '.hidden', 'b'.repeat(255));
    await check(
      asyncProperty(
        array(names, { minLength: 1, maxLength: 4 }),
        uint8Array({ maxLength: 1500 }),
        integer({ min: 1, max: 700 }),
        async (path, bytes, cut) => {
          const from = mkdtempSync(join(area, 'from-'));
          const to = mkdtempSync(join(area, 'to-'));
          const directory = join(from, ...path.slice(0, -1));
          mkdirSync(directory, { recursive: true });
          writeFileSync(join(from, ...path), bytes, { mode: 0o755 });
          symlinkSync('t'.repeat(150), join(from, 'link'));
          const packed = await packTrees([{ inside: 'home/agent', directory: from }], 1000);
          const pieces: Buffer[] = [];
          for await (const piece of packed.stream()) pieces.push(piece);
          const archive = Buffer.concat(pieces);
          expect(archive.length).toBe(packed.bytes);
          const root = tarHeader({ kind: 'directory', path: 'home/agent', mode: 0o700 });
          await untar(inPieces(Buffer.concat([root, archive]), cut), {
            places: new Map([['home/agent', to]]),
            maxEntries: 1000,
            maxBytes: 10_000,
          });
          expect(readFileSync(join(to, ...path))).toEqual(Buffer.from(bytes));
          expect(statSync(join(to, ...path)).mode & 0o777).toBe(0o755);
          expect(readlinkSync(join(to, 'link'))).toBe('t'.repeat(150));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('as the tar inside writes it: long names, links and hard links', async () => {
    const from = join(area, 'from', 'workspace');
    mkdirSync(join(from, 'd'.repeat(130)), { recursive: true });
    writeFileSync(join(from, 'd'.repeat(130), 'deep'), 'deep');
    symlinkSync('/etc/passwd', join(from, 'out'));
    spawnSync('ln', [join(from, 'd'.repeat(130), 'deep'), join(from, 'hard')]);
    spawnSync('mkfifo', [join(from, 'fifo')]);
    const { stdout } = spawnSync('/usr/bin/tar', ['--format=gnu', '--hard-dereference', '-cf', '-', 'workspace'], {
      cwd: join(area, 'from'),
    });
    await unpack(stdout, {}, 333);
    expect(readFileSync(join(place, 'd'.repeat(130), 'deep'), 'utf8')).toBe('deep');
    expect(readFileSync(join(place, 'hard'), 'utf8')).toBe('deep');
    expect(readlinkSync(join(place, 'out'))).toBe('/etc/passwd');
    expect(existsSync(join(place, 'fifo'))).toBe(false);
  });

  it('set-id bits stay behind', async () => {
    const archive = Buffer.concat([
      tarHeader({ kind: 'directory', path: 'workspace', mode: 0o755 }),
      forged((header) => header.write('0006755', 100)),
    ]);
    await unpack(archive);
    expect(lstatSync(join(place, 'x')).mode & 0o7000).toBe(0);
  });
});

describe('what is refused, with nothing outside the place', () => {
  const root = tarHeader({ kind: 'directory', path: 'workspace', mode: 0o755 });
  const named = (path: string): Buffer =>
    Buffer.concat([root, packTar([{ kind: 'file', path, mode: 0o644, bytes: Buffer.from('escaped') }])]);
  it.each([
    ['up and out', named('workspace/../../escaped')],
    ['up in the middle', named('workspace/a/../../../escaped')],
    ['an absolute name', named('/tmp/sluice-escaped')],
    ['an absolute name beneath the place', named('/workspace/x')],
    ['a name that only begins like the place', named('workspace-x/y')],
    ['another place', named('etc/passwd')],
    [
      'the place itself as a file',
      packTar([{ kind: 'file', path: 'workspace', mode: 0o644, bytes: Buffer.from('x') }]),
    ],
    ['an empty step', named('workspace//x')],
    ['a dot', named('workspace/./x')],
    ['a long name that leads out', named(`workspace/${'../'.repeat(40)}tmp/escaped`)],
    ['a name longer than a name', named(`workspace/${'n'.repeat(256)}`)],
    ['a directory nobody made', named('workspace/no/x')],
    ['deeper than deep', named(`workspace${'/d'.repeat(70)}`)],
    [
      'a file beneath a link',
      Buffer.concat([
        root,
        packTar([
          { kind: 'link', path: 'workspace/l', target: '..' },
          { kind: 'file', path: 'workspace/l/escaped', mode: 0o644, bytes: Buffer.from('x') },
        ]),
      ]),
    ],
    [
      'a file beneath a file',
      Buffer.concat([
        root,
        packTar([
          { kind: 'file', path: 'workspace/f', mode: 0o644, bytes: Buffer.from('x') },
          { kind: 'file', path: 'workspace/f/x', mode: 0o644, bytes: Buffer.from('x') },
        ]),
      ]),
    ],
    [
      'a link, then a file of its name',
      Buffer.concat([
        root,
        packTar([
          { kind: 'link', path: 'workspace/l', target: '../escaped' },
          { kind: 'file', path: 'workspace/l', mode: 0o644, bytes: Buffer.from('x') },
        ]),
      ]),
    ],
    [
      'the place again, as a link',
      Buffer.concat([root, packTar([{ kind: 'link', path: 'workspace', target: '/tmp' }])]),
    ],
    [
      'a hard link',
      Buffer.concat([root, forged((header) => header.write('1', 156) && header.write('../../etc/passwd', 157))]),
    ],
    ['a character device', Buffer.concat([root, forged((header) => void header.write('3', 156))])],
    ['a block device', Buffer.concat([root, forged((header) => void header.write('4', 156))])],
    [
      'pax records',
      Buffer.concat([root, forged((header) => void header.write('x', 156), Buffer.from('30 path=/tmp/escaped\n'))]),
    ],
    [
      'global pax records',
      Buffer.concat([root, forged((header) => void header.write('g', 156), Buffer.from('30 path=/tmp/escaped\n'))]),
    ],
    ['a sparse file', Buffer.concat([root, forged((header) => void header.write('S', 156))])],
    ['a prefix', Buffer.concat([root, forged((header) => void header.write('../..', 345))])],
    ['a size in base 256', Buffer.concat([root, forged((header) => header.fill(0xff, 124, 136))])],
    ['a negative size', Buffer.concat([root, forged((header) => void header.write('-0000000001', 124))])],
    [
      'a link with content',
      Buffer.concat([root, forged((header) => header.write('2', 156) && header.write('00000000777', 124))]),
    ],
    ['a wrong checksum', Buffer.concat([root, Buffer.alloc(BLOCK, 'x')])],
    ['an end that is missing', root],
    [
      'content that is cut short',
      Buffer.concat([
        root,
        packTar([{ kind: 'file', path: 'workspace/x', mode: 0o644, bytes: Buffer.alloc(2000) }]).subarray(0, 1024),
      ]),
    ],
    ['something after the end', Buffer.concat([root, packTar([]), Buffer.from('more')])],
    ['nothing', Buffer.alloc(0)],
  ])('%s', async (_what, archive) => {
    const before = everything();
    const fault = await faultOf(unpack(archive));
    expect(fault).not.toBe('none');
    expect(fault).not.toContain('not a fault');
    expect(everything().filter((path) => !path.startsWith('place/'))).toEqual(before);
    expect(existsSync('/tmp/sluice-escaped')).toBe(false);
  });

  it('more entries, and more bytes, than were agreed', async () => {
    const files = Array.from(
      { length: 20 },
      (_, index) => ({ kind: 'file', path: `workspace/${index}`, mode: 0o644, bytes: Buffer.alloc(100) }) as const,
    );
    const archive = Buffer.concat([root, packTar(files)]);
    expect(await faultOf(unpack(archive, { maxEntries: 10 }))).toBe('too many entries');
    rmSync(place, { recursive: true });
    mkdirSync(place);
    expect(await faultOf(unpack(archive, { maxBytes: 1000 }))).toBe('too large');
    // One that only says so takes no space.
    rmSync(place, { recursive: true });
    mkdirSync(place);
    expect(
      await faultOf(unpack(Buffer.concat([root, forged((header) => void header.write('77777777777', 124))]))),
    ).toBe('too large');
  });

  it('bytes of chance never come out of the place, nor as another fault', async () => {
    await check(
      asyncProperty(uint8Array({ maxLength: 3000 }), integer({ min: 0, max: 2000 }), async (noise, at) => {
        rmSync(place, { recursive: true });
        mkdirSync(place);
        const archive = Buffer.concat([
          root,
          packTar([{ kind: 'file', path: 'workspace/x', mode: 0o644, bytes: Buffer.alloc(700, 'y') }]),
        ]);
        archive.set(noise.subarray(0, Math.max(0, archive.length - at)), Math.min(at, archive.length));
        expect(await faultOf(unpack(archive))).not.toContain('not a fault');
        expect(readdirSync(area)).toEqual(['place']);
      }),
      { numRuns: 150 },
    );
  });
});

describe('the mark between output and what comes back', () => {
  it('is found across any cut, and no byte is lost or held for ever', () => {
    check(
      property(
        array(constantFrom('a', 'ab', 'abc', 'mark', 'mar', 'm', '\n'), { maxLength: 12 }),
        integer({ min: 1, max: 9 }),
        (parts, cut) => {
          const text = parts.join('');
          const mark = 'mark7';
          const whole = `${text}${mark}after${mark}`;
          const got = { before: '', after: '' };
          const splitter = createMarkSplitter(
            mark,
            (chunk) => (got.before += chunk.toString()),
            (chunk) => (got.after += chunk.toString()),
          );
          for (let at = 0; at < whole.length; at += cut) splitter.push(Buffer.from(whole.slice(at, at + cut)));
          splitter.flush();
          expect(got).toEqual({ before: text, after: `after${mark}` });
          const none = { before: '' };
          const other = createMarkSplitter(
            mark,
            (chunk) => (none.before += chunk.toString()),
            () => expect.unreachable(),
          );
          for (let at = 0; at < text.length; at += cut) other.push(Buffer.from(text.slice(at, at + cut)));
          other.flush();
          expect(none.before).toBe(text);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('what is too large is not carried in part', async () => {
    writeFileSync(join(place, 'large'), Buffer.alloc(1000));
    const tree = { target: '/workspace', directory: place, access: 'rw', spareBytes: CARRY_LIMITS.maxBytes } as const;
    expect(await makeCarriage([tree], undefined)).toMatchObject({
      largest: 1000,
      back: expect.stringMatching(/^[0-9a-f]{48} workspace$/) as string,
    });
    const many = Array.from({ length: 3 }, () => tree);
    expect((await makeCarriage(many, undefined))?.forSandbox?.content).toBe(3000);
    spawnSync('truncate', ['-s', String(CARRY_LIMITS.maxBytes), join(place, 'huge')]);
    expect(await makeCarriage([tree], undefined)).toBeUndefined();
  });
});
