import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { runLocally } from '../helpers/run-plan-locally.ts';
import type { LocalRun } from '../helpers/run-plan-locally.ts';

let directory = '';
const at = (...names: readonly string[]): string => join(directory, ...names);
const text = (name: string): string => readFileSync(at(name), 'utf8');
const run = (tool: string, args: unknown): LocalRun => runLocally(directory, tool, args);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-tools-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
});

describe('read', () => {
  beforeEach(() => {
    writeFileSync(at('lines'), 'one\ntwo\nthree\nfour');
    writeFileSync(at('binary'), Buffer.from([0, 255, 1, 254]));
    mkdirSync(at('folder'));
    symlinkSync('nowhere', at('dangling'));
    execFileSync('mkfifo', [at('pipe')]);
  });

  const good: readonly (readonly [string, unknown, string])[] = [
    ['a whole file', { path: 'lines' }, 'one\ntwo\nthree\nfour'],
    ['from a line on', { path: 'lines', offset: 3 }, 'three\nfour'],
    ['some lines', { path: 'lines', offset: 2, limit: 2 }, 'two\nthree\n'],
    ['a last line without its end', { path: 'lines', offset: 4, limit: 9 }, 'four'],
    ['bytes as base64', { path: 'binary', encoding: 'base64' }, Buffer.from([0, 255, 1, 254]).toString('base64')],
    [
      'some bytes as base64',
      { path: 'binary', encoding: 'base64', offset: 2, limit: 2 },
      Buffer.from([255, 1]).toString('base64'),
    ],
    ['by its absolute path', { path: '/workspace/lines', limit: 1 }, 'one\n'],
  ];
  test.each(good)('%s', (_, args, stdout) => {
    expect(run('read', args)).toEqual({ code: 0, stdout, stderr: '' });
  });

  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['what does not exist', { path: 'none' }, /does not exist in this sandbox\. Use the list tool/],
    ['a URL', { path: 'file:///etc/shadow' }, /does not exist/],
    ['a link to nothing', { path: 'dangling' }, /is a link to something that does not exist/],
    ['a directory', { path: 'folder' }, /is a directory\. Use the list tool/],
    ['a pipe, without waiting on it', { path: 'pipe' }, /is not a regular file/],
    ['binary as text', { path: 'binary' }, /is binary \(4 bytes\)\. Read it with encoding base64/],
    ['past the end', { path: 'lines', offset: 99 }, /offset 99 is past the end: .* has 3 lines/],
    ['an option as a path', { path: '--help' }, /\.\/--help does not exist/],
  ];
  test.each(bad)('%s fails and says what to do', (_, args, stderr) => {
    const result = run('read', args);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(stderr);
  });
});

describe('write', () => {
  test('makes a file and its directories', () => {
    expect(run('write', { path: 'a/b/c.txt', content: 'héllo\n' })).toEqual({
      code: 0,
      stdout: 'Wrote ./a/b/c.txt, now 7 bytes.\n',
      stderr: '',
    });
    expect(text('a/b/c.txt')).toBe('héllo\n');
    expect(statSync(at('a/b/c.txt')).mode & 0o777).toBe(0o644);
    expect(readdirSync(at('a/b'))).toEqual(['c.txt']);
  });

  test('every byte of base64 content', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    run('write', { path: 'bytes', content: bytes.toString('base64'), encoding: 'base64' });
    expect(readFileSync(at('bytes'))).toEqual(bytes);
  });

  test('an empty file', () => {
    expect(run('write', { path: 'empty', content: '' }).code).toBe(0);
    expect(text('empty')).toBe('');
  });

  test('replaces and keeps the mode', () => {
    writeFileSync(at('run.sh'), 'old', { mode: 0o755 });
    chmodSync(at('run.sh'), 0o755);
    run('write', { path: 'run.sh', content: 'new' });
    expect(text('run.sh')).toBe('new');
    expect(statSync(at('run.sh')).mode & 0o777).toBe(0o755);
  });

  test('through a link, keeping the link', () => {
    writeFileSync(at('real'), 'old');
    symlinkSync('real', at('link'));
    run('write', { path: 'link', content: 'new' });
    expect(text('real')).toBe('new');
    expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
  });

  test('appends', () => {
    writeFileSync(at('log'), 'a');
    run('write', { path: 'log', content: 'b', mode: 'append' });
    expect(text('log')).toBe('ab');
  });

  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['create over what exists', { path: 'file', content: 'x', mode: 'create' }, /exists already/],
    ['a directory', { path: 'folder', content: 'x' }, /is a directory/],
    ['a path that ends with a slash', { path: 'new/', content: 'x' }, /ends with a slash/],
    ['beneath a file', { path: 'file/x', content: 'x' }, /a file is in the way/],
    ['a device', { path: '/dev/null', content: 'x' }, /not a regular file/],
  ];
  test.each(bad)('%s fails and changes nothing', (_, args, stderr) => {
    writeFileSync(at('file'), 'old');
    mkdirSync(at('folder'));
    const result = run('write', args);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(stderr);
    expect(text('file')).toBe('old');
    expect(readdirSync(directory).toSorted()).toEqual(['file', 'folder']);
  });
});

describe('edit', () => {
  const FILE = 'alpha\nbeta\n  gamma\nbeta\n';
  beforeEach(() => {
    writeFileSync(at('file'), FILE, { mode: 0o640 });
    chmodSync(at('file'), 0o640);
  });

  const good: readonly (readonly [string, object, string, RegExp])[] = [
    ['one place', { old: 'alpha', new: 'ALPHA' }, 'ALPHA\nbeta\n  gamma\nbeta\n', /1 place, first at line 1/],
    ['over lines', { old: 'beta\n  gamma', new: 'x' }, 'alpha\nx\nbeta\n', /first at line 2/],
    ['every place', { old: 'beta', new: 'B', all: true }, 'alpha\nB\n  gamma\nB\n', /2 places, first at line 2/],
    ['to nothing', { old: '  gamma\n', new: '' }, 'alpha\nbeta\nbeta\n', /first at line 3/],
    [
      'with what a regular expression would read otherwise',
      { old: 'alpha', new: '$& $1 \\n' },
      '$& $1 \\n\nbeta\n  gamma\nbeta\n',
      /line 1/,
    ],
  ];
  test.each(good)('%s', (_, args, expected, stdout) => {
    const result = run('edit', { path: 'file', ...args });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(stdout);
    expect(text('file')).toBe(expected);
    expect(statSync(at('file')).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  test('keeps bytes around it that are not UTF-8', () => {
    writeFileSync(at('latin'), Buffer.from([0xe9, 0x0a, 0x61, 0x0a, 0xff]));
    run('edit', { path: 'latin', old: 'a', new: 'bc' });
    expect(readFileSync(at('latin'))).toEqual(Buffer.from([0xe9, 0x0a, 0x62, 0x63, 0x0a, 0xff]));
  });

  const bad: readonly (readonly [string, object, RegExp])[] = [
    ['two places', { old: 'beta', new: 'x' }, /occurs 2 times .*\(lines 2, 4\)\. Nothing was changed\. Add lines/],
    ['no place', { old: 'delta', new: 'x' }, /not found .* Nothing was changed/],
    ['other white space', { old: 'beta\ngamma', new: 'x' }, /first line is like line 2|different white space/],
    ['other indentation', { old: '\tgamma', new: 'x' }, /different white space/],
    ['a missing file', { path: 'none', old: 'a', new: 'b' }, /does not exist .* write tool/],
    ['a directory', { path: '.', old: 'a', new: 'b' }, /is a directory/],
  ];
  test.each(bad)('%s fails and changes nothing', (_, args, stderr) => {
    const result = run('edit', { path: 'file', ...args });
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(stderr);
    expect(text('file')).toBe(FILE);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  test('names line ends when they are what differs', () => {
    writeFileSync(at('dos'), 'one\r\ntwo\r\n');
    expect(run('edit', { path: 'dos', old: 'one\ntwo', new: 'x' }).stderr).toMatch(/CRLF/);
  });
});

describe('list', () => {
  beforeEach(() => {
    mkdirSync(at('sub', 'deep'), { recursive: true });
    writeFileSync(at('a.txt'), '12345');
    writeFileSync(at('sub', 'deep', 'z'), '');
    symlinkSync('/etc/passwd', at('link'));
    writeFileSync(at('evil\nf 0 fake\u001b[2K'), '');
  });

  test('one level, each entry one line whatever its name holds', () => {
    const { code, stdout } = run('list', {});
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.replace(/^(\w) \d+/, '$1'))).toEqual([
      'f a.txt',
      'f evil?f 0 fake?[2K',
      'l link',
      'd sub',
      '',
    ]);
    expect(stdout).toContain('f 5 a.txt');
  });

  test('several levels', () => {
    expect(run('list', { depth: 3 }).stdout).toMatch(/sub\/deep\/z\n/);
  });

  test('a limit, and what is beyond it', () => {
    expect(run('list', { limit: 1 }).stdout).toMatch(/^f 5 a\.txt\n\(3 more; /);
  });

  test('an empty directory', () => {
    expect(run('list', { path: 'sub/deep/../../sub/deep', depth: 1 }).stdout).toMatch(/^f 0 z\n$/);
    mkdirSync(at('none'));
    expect(run('list', { path: 'none' }).stdout).toBe('(empty)\n');
  });

  test('a file', () => {
    expect(run('list', { path: 'a.txt' }).stdout).toBe('f 5 ./a.txt\n');
  });

  test('what does not exist', () => {
    expect(run('list', { path: 'no' })).toMatchObject({
      code: 1,
      stderr: 'list: ./no does not exist in this sandbox.\n',
    });
  });
});

describe('search', () => {
  beforeEach(() => {
    mkdirSync(at('src'));
    writeFileSync(at('src', 'a.ts'), 'const x = f(1);\nconst y = 2;\n');
    writeFileSync(at('src', 'b.md'), 'CONST x\n');
    writeFileSync(at('binary'), Buffer.from([0, ...Buffer.from('const')]));
    symlinkSync('/etc', at('etc'));
    execFileSync('mkfifo', [at('src', 'pipe')]);
  });

  const rows: readonly (readonly [string, unknown, string])[] = [
    ['a regular expression', { pattern: 'x = .\\(' }, './src/a.ts:1:const x = f(1);\n'],
    ['plain text', { pattern: 'f(1)', literal: true }, './src/a.ts:1:const x = f(1);\n'],
    ['without regard to case', { pattern: 'const x', ignoreCase: true, glob: '*.md' }, './src/b.md:1:CONST x\n'],
    ['only in matching files', { pattern: 'x', glob: '*.md' }, './src/b.md:1:CONST x\n'],
    ['in one file', { pattern: 'y', path: 'src/a.ts' }, './src/a.ts:2:const y = 2;\n'],
    ['nothing found', { pattern: 'zzz' }, 'No matches.\n'],
    ['a pattern that looks like an option', { pattern: '--version' }, 'No matches.\n'],
    ['names only', { glob: '*.ts' }, './src/a.ts\n'],
    ['names without regard to case', { glob: '*.TS', ignoreCase: true }, './src/a.ts\n'],
    [
      'with a limit',
      { pattern: 'const', limit: 1, path: 'src/a.ts' },
      './src/a.ts:1:const x = f(1);\n(1 more matches; narrow the pattern or the path)\n',
    ],
  ];
  test.each(rows)('%s', (_, args, stdout) => {
    expect(run('search', args)).toEqual({ code: 0, stdout, stderr: '' });
  });

  test('a pattern grep cannot read', () => {
    const result = run('search', { pattern: '(' });
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/literal: true/);
  });

  test('cuts long lines', () => {
    writeFileSync(at('long'), `needle${'x'.repeat(100_000)}`);
    expect(run('search', { pattern: 'needle' }).stdout.length).toBeLessThan(600);
  });
});

describe('exec, python and node', () => {
  test('exec runs a shell command and gives its code', () => {
    expect(run('exec', { command: 'echo out; echo err >&2; exit 7' })).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  test('a command that begins with a dash is a command, not an option', () => {
    expect(run('exec', { command: '-c true' }).code).toBe(127);
  });

  test('cwd is entered inside', () => {
    mkdirSync(at('sub dir'));
    expect(run('exec', { command: 'pwd', cwd: 'sub dir' }).stdout.trim()).toBe(at('sub dir'));
    expect(run('exec', { command: 'pwd', cwd: 'none' })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('does not exist') as string,
    });
  });

  test('node runs JavaScript, modules included', () => {
    expect(run('node', { code: 'console.log(1 + 1)' })).toEqual({ code: 0, stdout: '2\n', stderr: '' });
    expect(run('node', { code: 'import fs from "node:fs"; console.log(typeof fs, await 3)' }).stdout).toBe(
      'object 3\n',
    );
  });

  test('python runs Python', (ctx) => {
    if (!existsSync('/usr/bin/python3')) return ctx.skip('no /usr/bin/python3 on this machine');
    expect(run('python', { code: 'def f():\n  return "ü"\n\nprint(f())' })).toEqual({
      code: 0,
      stdout: 'ü\n',
      stderr: '',
    });
  });
});
