/** `npm run setup` on machines made of stubs: each has only the commands its row names. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const SETUP = join(import.meta.dirname, '../../config/setup.sh');
const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

interface Machine {
  readonly system?: string;
  readonly uid?: number;
  readonly has?: readonly ('bwrap' | 'apt-get' | 'dnf' | 'sudo')[];
  /** What the package manager does: `works`, `needs-update` (lists are empty at first), `fails`. */
  readonly installing?: 'works' | 'needs-update' | 'fails';
}

function run({ system = 'Linux', uid = 0, has = [], installing = 'works' }: Machine) {
  const root = mkdtempSync(join(tmpdir(), 'setup-'));
  directories.push(root);
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const stub = (name: string, script: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  for (const tool of ['sh', 'printf', 'cat', 'chmod'])
    symlinkSync(
      execFileSync('/bin/sh', ['-c', `command -v ${tool === 'printf' ? '/usr/bin/printf' : tool}`], {
        encoding: 'utf8',
      }).trim(),
      join(bin, tool),
    );
  stub('uname', `echo ${system}`);
  stub('id', `echo ${uid}`);
  const log = join(root, 'log');
  writeFileSync(log, '');
  const makeBwrap = `printf '#!/bin/sh\\necho bubblewrap 9.9\\n' > ${bin}/bwrap; chmod 755 ${bin}/bwrap`;
  const install =
    installing === 'works'
      ? makeBwrap
      : installing === 'fails'
        ? 'exit 100'
        : `if grep -q update ${log} 2>/dev/null || [ -e ${root}/updated ]; then ${makeBwrap}; else exit 100; fi`;
  const manager = `echo "$0 $*" >> ${log}; case "$*" in *update*) : > ${root}/updated;; *) ${install};; esac`;
  if (has.includes('apt-get')) stub('apt-get', manager);
  if (has.includes('dnf')) stub('dnf', manager);
  if (has.includes('sudo')) stub('sudo', 'exec "$@"');
  if (has.includes('bwrap')) stub('bwrap', 'echo bubblewrap 9.9');
  const result = spawnSync('/bin/sh', [SETUP], {
    env: { PATH: bin },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return {
    code: result.status,
    out: result.stdout + result.stderr,
    ran: readFileSync(log, 'utf8')
      .replaceAll(`${bin}/`, '')
      .trim()
      .split('\n')
      .filter((line) => line !== ''),
  };
}

describe('setup', () => {
  const rows: readonly (readonly [string, Machine, number, RegExp, readonly string[]])[] = [
    [
      'does nothing where bubblewrap is',
      { has: ['bwrap', 'apt-get'] },
      0,
      /bubblewrap is here \(bubblewrap 9\.9\)/,
      [],
    ],
    [
      'installs as root',
      { has: ['apt-get'] },
      0,
      /installing bubblewrap: .*apt-get install -y bubblewrap[\s\S]*bubblewrap is here/,
      ['apt-get install -y bubblewrap'],
    ],
    [
      'refreshes the lists of a machine that has none',
      { has: ['apt-get'], installing: 'needs-update' },
      0,
      /bubblewrap is here/,
      ['apt-get install -y bubblewrap', 'apt-get update', 'apt-get install -y bubblewrap'],
    ],
    ['uses what the system has', { has: ['dnf'] }, 0, /bubblewrap is here/, ['dnf install -y bubblewrap']],
    [
      'ends with the command where installing fails',
      { has: ['apt-get'], installing: 'fails' },
      1,
      /could not install bubblewrap\. Run: apt-get install -y bubblewrap/,
      ['apt-get install -y bubblewrap', 'apt-get update', 'apt-get install -y bubblewrap'],
    ],
    [
      'asks nobody without a terminal: ends with the sudo command',
      { uid: 1000, has: ['apt-get', 'sudo'] },
      1,
      /Run: sudo apt-get install -y bubblewrap/,
      [],
    ],
    [
      'says what root has to run where there is no sudo',
      { uid: 1000, has: ['apt-get'] },
      1,
      /As root, run: apt-get install -y bubblewrap/,
      [],
    ],
    ['says so where no package manager is known', {}, 1, /no package manager that is known here/, []],
    ['is content on macOS, and says what that means', { system: 'Darwin' }, 0, /bubblewrap runs on Linux only/, []],
  ];
  it.each(rows)('%s', (_, machine, code, said, ran) => {
    const result = run(machine);
    expect(result.out).toMatch(said);
    expect([result.code, result.ran]).toEqual([code, ran]);
  });
});
