import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guardWorkspace } from '../../../sandbox/guard/guard.ts';
import type { GuardFinding } from '../../../sandbox/guard/guard.ts';
import {
  addsGitSettings,
  changesLifeCycle,
  isOddName,
  restoreLifeCycle,
  ruleByPlace,
} from '../../../sandbox/guard/rules.ts';
import { area } from '../backends/fixture.ts';
import type { Area } from '../backends/fixture.ts';

let place: Area;
let root: string;
let quarantine: string;
beforeEach(() => {
  place = area();
  root = join(place.path, 'workspace');
  quarantine = join(place.path, 'quarantine');
  mkdirSync(root);
});
afterEach(() => place.remove());

const put = (path: string, text = 'x'): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const guard = async (act: () => void, policy: 'report' | 'revert' = 'revert'): Promise<readonly GuardFinding[]> => {
  const guarded = await guardWorkspace(root, { policy, quarantine });
  act();
  return guarded.finish();
};
const rules = (findings: readonly GuardFinding[]): readonly string[] =>
  findings.map(({ rule, action }) => `${rule} ${action}`);

describe('guardWorkspace()', () => {
  it.each([
    ['a git hook', '.git/hooks/pre-commit', 'git-hook'],
    ['a hook of a nested repository', 'a/b/.git/hooks/post-checkout', 'git-hook'],
    ['a hook of a submodule', '.git/modules/lib/hooks/post-merge', 'git-hook'],
    ['a hook directory under another name', 'template/hooks/pre-push', 'git-hook'],
    ['git in capitals', '.GIT/hooks/pre-commit', 'git-hook'],
    ['git with an invisible character', '.g\u200cit/hooks/pre-commit', 'git-hook'],
    ['git by its short name', 'GIT~1/hooks/pre-commit', 'git-hook'],
    ['git with a trailing dot', '.git./hooks/pre-commit', 'git-hook'],
    ['a git file that points elsewhere', 'sub/.git', 'git-redirect'],
    ['alternates', '.git/objects/info/alternates', 'git-redirect'],
    ['attributes', '.git/info/attributes', 'git-config'],
    ['submodules', '.gitmodules', 'git-submodule'],
    ['direnv', 'deep/.envrc', 'shell-start'],
    ['a login script', '.bash_profile', 'shell-start'],
    ['fish', '.config/fish/conf.d/x.fish', 'shell-start'],
    ['editor tasks', '.vscode/tasks.json', 'editor-config'],
    ['a workspace file', 'my.code-workspace', 'editor-config'],
    ['a dev container', '.devcontainer/devcontainer.json', 'editor-config'],
    ['agent hooks', '.claude/settings.local.json', 'agent-config'],
    ['an MCP server list', '.mcp.json', 'agent-config'],
    ['npm settings', 'packages/a/.npmrc', 'package-manager'],
    ['a pnpm hook', '.pnpmfile.cjs', 'package-manager'],
    ['cargo', '.cargo/config.toml', 'package-manager'],
    ['a workflow', '.github/workflows/ci.yml', 'continuous-integration'],
    ['a composite action', '.github/actions/x/action.yml', 'continuous-integration'],
    ['another CI', '.gitlab-ci.yml', 'continuous-integration'],
    ['husky', '.husky/_/husky.sh', 'hook-manager'],
    ['python at every start', 'lib/sitecustomize.py', 'interpreter-start'],
    ['a path file', 'lib/python3/site-packages/x.pth', 'interpreter-start'],
    ['a terminal escape in a name', 'a\u001b[2Kb', 'odd-name'],
    ['a reversed name', 'invoice\u202egpj.sh', 'odd-name'],
    ['an option as a name', '--checkpoint-action=exec=sh x.sh', 'odd-name'],
  ])('takes back %s', async (_what, path, rule) => {
    put('kept.txt', 'before');
    const findings = await guard(() => {
      put(path, 'EVIL');
      put('kept.txt', 'after');
      put('src/new.ts', 'work');
    });
    // The directory with an invisible character is told of as well, and left: it may hold work.
    expect(rules(findings).filter((row) => row !== 'odd-name reported')).toEqual([`${rule} reverted`]);
    expect(existsSync(join(root, path))).toBe(false);
    expect([text('kept.txt'), text('src/new.ts')]).toEqual(['after', 'work']);
    // Nothing is lost: the operator can look at what was taken.
    expect(
      readdirSync(quarantine)
        .map((name) => readFileSync(join(quarantine, name), 'utf8'))
        .join(),
    ).toContain('EVIL');
  });

  it('puts back what was there before, with its mode', async () => {
    put('.husky/pre-commit', 'npm test');
    chmodSync(join(root, '.husky/pre-commit'), 0o755);
    const findings = await guard(() => put('.husky/pre-commit', 'curl evil'));
    expect(findings).toEqual([
      { rule: 'hook-manager', path: '.husky/pre-commit', change: 'modified', action: 'reverted' },
    ]);
    expect(text('.husky/pre-commit')).toBe('npm test');
    expect(statSync(join(root, '.husky/pre-commit')).mode & 0o777).toBe(0o755);
  });

  it('leaves alone what was there already, however bad', async () => {
    put('.git/hooks/pre-commit', 'theirs');
    put('.vscode/settings.json', '{}');
    symlinkSync('/etc/passwd', join(root, 'link'));
    expect(await guard(() => put('a.txt'))).toEqual([]);
    expect(text('.git/hooks/pre-commit')).toBe('theirs');
    expect(lstatSync(join(root, 'link')).isSymbolicLink()).toBe(true);
  });

  it('report tells and touches nothing', async () => {
    const findings = await guard(() => put('.envrc', 'x'), 'report');
    expect(rules(findings)).toEqual(['shell-start reported']);
    expect(text('.envrc')).toBe('x');
  });

  it.each([
    ['absolute', '/etc/passwd'],
    ['relative, upwards', '../../etc/passwd'],
    ['through a link inside', 'inside/../../../outside'],
    ['to what does not exist yet', '../not-there-yet'],
    ['a system path with dots', '/usr/../etc/shadow'],
    ['a link to itself', 'link'],
  ])('removes a link that leaves: %s', async (_what, target) => {
    mkdirSync(join(root, 'deep/er'), { recursive: true });
    symlinkSync('deep/er', join(root, 'inside'));
    const findings = await guard(() => symlinkSync(target, join(root, 'link')));
    expect(rules(findings)).toEqual(['link-out reverted']);
    expect(() => lstatSync(join(root, 'link'))).toThrow('ENOENT');
  });

  it('keeps links within the workspace and to the system programs a virtual environment needs', async () => {
    put('deep/er/file');
    const findings = await guard(() => {
      symlinkSync('deep/er', join(root, 'a'));
      symlinkSync('a/../../deep/er/file', join(root, 'b'));
      symlinkSync('/usr/bin/python3', join(root, 'python'));
    });
    expect(findings).toEqual([]);
  });

  it('catches a chain that only leaves together', async () => {
    mkdirSync(join(root, 'x'));
    const findings = await guard(() => {
      symlinkSync('..', join(root, 'x/up'));
      symlinkSync('x/up/../secret', join(root, 'chain'));
    });
    // x/up is the workspace itself, and `..` from there is outside; by its letters the path would stay within.
    expect(findings.map(({ path }) => path)).toEqual(['chain']);
  });

  it('removes fifos and clears set-id bits', async () => {
    const findings = await guard(() => {
      execFileSync('mkfifo', [join(root, 'README.fifo')]);
      put('tool', 'binary');
      chmodSync(join(root, 'tool'), 0o6755);
    });
    expect(new Set(rules(findings))).toEqual(new Set(['special-file reverted', 'set-id reverted']));
    expect(existsSync(join(root, 'README.fifo'))).toBe(false);
    expect(statSync(join(root, 'tool')).mode & 0o7777).toBe(0o755);
  });

  it('restores life-cycle scripts and keeps the rest of a manifest', async () => {
    put('package.json', JSON.stringify({ name: 'a', scripts: { test: 'vitest', prepare: 'husky' } }));
    const findings = await guard(() =>
      put(
        'package.json',
        JSON.stringify({
          name: 'a',
          version: '2.0.0',
          scripts: { test: 'vitest run', prepare: 'evil', postinstall: 'evil' },
        }),
      ),
    );
    expect(rules(findings)).toEqual(['package-scripts reverted']);
    expect(JSON.parse(text('package.json'))).toEqual({
      name: 'a',
      version: '2.0.0',
      scripts: { test: 'vitest run', prepare: 'husky' },
    });
  });

  it('lets honest work through: git init and commit, a new package, dependencies', async () => {
    const git = (...args: readonly string[]): void =>
      void execFileSync('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        stdio: 'ignore',
        env: { PATH: '/usr/bin:/bin' },
      });
    const findings = await guard(() => {
      put('package.json', JSON.stringify({ name: 'a', scripts: { build: 'tsc', test: 'vitest' } }));
      put('node_modules/esbuild/package.json', JSON.stringify({ scripts: { postinstall: 'node install.js' } }));
      put('node_modules/x/.npmrc');
      put('src/hooks/use-state.ts');
      put('Makefile');
      git('init', '-q');
      git('add', 'src');
      git('commit', '-qm', 'x');
      git('checkout', '-qb', 'branch');
      git('remote', 'add', 'origin', 'https://example.com/a.git');
      git('config', 'user.email', 'a@b');
    });
    expect(findings).toEqual([]);
  });

  it('a workspace too large to look at is a finding, not a pass', async () => {
    const guarded = await guardWorkspace(root, { policy: 'revert', quarantine, maxEntries: 10 });
    for (let index = 0; index < 20; index++) put(`file-${index}`);
    expect(rules(await guarded.finish())).toEqual(['not-inspected reported']);
  });

  it('does not follow a directory that became a link while it worked', async () => {
    const outside = join(place.path, 'outside');
    mkdirSync(join(outside, 'hooks'), { recursive: true });
    writeFileSync(join(outside, 'hooks/pre-commit'), 'of the host');
    mkdirSync(join(root, '.git'));
    const findings = await guard(() => {
      rmSync(join(root, '.git'), { recursive: true });
      symlinkSync(outside, join(root, '.git'));
    });
    expect(rules(findings)).toEqual(['link-out reverted']);
    expect(readFileSync(join(outside, 'hooks/pre-commit'), 'utf8')).toBe('of the host');
  });

  it('shows names without what they would do to a terminal', async () => {
    const [finding] = await guard(() => put('a\u001b[2K\u202eb'));
    expect(finding?.path).toBe('a\\u001b[2K\\u202eb');
  });
});

describe('git settings', () => {
  it.each([
    ['fsmonitor', '[core]\n\tfsmonitor = "sh x"'],
    ['on the header line', '[core] hooksPath = x'],
    ['in capitals', '[CORE]\nSSHCOMMAND=x'],
    ['an alias', '[alias]\n\tst = !sh x'],
    ['a filter', '[filter "x"]\n\tsmudge = sh x'],
    ['an include', '[include]\n\tpath = ../evil'],
    ['a conditional include', '[includeIf "gitdir:/"]\n\tpath = ../evil'],
    ['a credential helper', '[credential]\n\thelper = !sh'],
    ['a helper address', '[remote "o"]\n\turl = ext::sh -c x'],
    ['an address like an option', '[remote "o"]\n\turl = --upload-pack=x'],
    ['a pushed-to program', '[remote "o"]\n\treceivepack = sh x'],
    ['rewritten addresses', '[url "ext::sh"]\n\tinsteadOf = https://'],
    ['a continued line', '[core]\n\tfs\\\nmonitor = x'],
    ['a line nobody can read', '[core\n=x'],
    ['an old dotted section', '[alias.x]\n\ty = !sh'],
  ])('%s is something to obey', (_what, config) => {
    expect(addsGitSettings('', config)).toBe(true);
    expect(addsGitSettings(config, config)).toBe(false);
  });
});

describe('the small parts', () => {
  it('life-cycle scripts are found in whatever case and restored', () => {
    expect(changesLifeCycle('{}', '{"scripts":{"PostInstall":"x"}}')).toBe(true);
    expect(changesLifeCycle('{"scripts":{"test":"a"}}', '{"scripts":{"test":"b"}}')).toBe(false);
    expect(changesLifeCycle('', 'not json')).toBe(false);
    expect(JSON.parse(restoreLifeCycle('', '{"a":1,"scripts":{"prepare":"x","b":"y"}}'))).toEqual({
      a: 1,
      scripts: { b: 'y' },
    });
  });
  it('a bare repository under any name is git', () => {
    expect(ruleByPlace({ path: ['fixture', 'config'], inGitDirectory: true })).toBe('git-config');
    expect(ruleByPlace({ path: ['fixture', 'config'], inGitDirectory: false })).toBeUndefined();
  });
  it('names that are not UTF-8 are odd, names in other scripts are not', () => {
    expect(isOddName('\u00ff\u00fe')).toBe(true);
    expect(isOddName(Buffer.from('Größe 日本 😀').toString('latin1'))).toBe(false);
  });
});
