/**
 * What a call may leave in a workspace that somebody's tools on the host would later run or obey. Pure. Names are compared
 * the way the most forgiving file system would: case, look-alike and invisible characters and trailing dots do not matter.
 */

export type Rule =
  | 'git-hook'
  | 'git-config'
  | 'git-redirect'
  | 'git-submodule'
  | 'shell-start'
  | 'editor-config'
  | 'agent-config'
  | 'agent-instructions'
  | 'package-manager'
  | 'package-scripts'
  | 'continuous-integration'
  | 'hook-manager'
  | 'interpreter-start'
  | 'link-out'
  | 'special-file'
  | 'set-id'
  | 'odd-name'
  | 'not-inspected';

/** HFS+ ignores these in names, terminals hide or reorder by them: `.g\u200cit` is `.git` to some. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;

export function foldName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  const folded = text
    .normalize('NFKC')
    .replaceAll(INVISIBLE, '')
    .toLowerCase()
    .replace(/[. ]{1,255}$/, '');
  // NTFS short name of .git.
  return folded === 'git~1' ? '.git' : folded === '' ? name : folded;
}

/** Files and directories by name, at any depth: everything beneath a named directory counts. */
const NAMES: Readonly<Record<string, Rule>> = Object.fromEntries(
  (
    [
      [
        'shell-start',
        '.bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zshenv .zprofile .zlogin .zlogout .cshrc .tcshrc .login .kshrc .mkshrc .inputrc .envrc .direnv .xprofile .xinitrc .pam_environment .tool-versions mise.toml .mise.toml .mise .asdfrc',
      ],
      [
        'editor-config',
        '.vscode .idea .fleet .zed .vimrc .gvimrc .exrc .nvimrc .nvim.lua .dir-locals.el .dir-locals-2.el .emacs .sublime .devcontainer .devcontainer.json .theia .settings',
      ],
      [
        'agent-config',
        '.claude .claude.json .codex .cursor .cursorrules .mcp.json .gemini .aider.conf.yml .continue .windsurf .windsurfrules .clinerules .roo .opencode opencode.json opencode.jsonc .openclaw .openhands .amazonq .kiro .junie .goosehints .augment',
      ],
      ['agent-instructions', 'claude.md claude.local.md agents.md agents.override.md gemini.md'],
      [
        'package-manager',
        '.npmrc .yarnrc .yarnrc.yml .pnpmfile.cjs .pnpmfile.mjs .pnp.cjs .pnp.loader.mjs bunfig.toml .bunfig.toml pip.conf .pypirc .condarc .mvn .gemrc .bundle .composer auth.json .netrc',
      ],
      [
        'continuous-integration',
        '.gitlab-ci.yml .gitlab-ci.yaml .circleci .travis.yml jenkinsfile .jenkins azure-pipelines.yml azure-pipelines.yaml bitbucket-pipelines.yml .drone.yml .woodpecker.yml .woodpecker .buildkite .teamcity appveyor.yml .appveyor.yml .semaphore .cirrus.yml .forgejo .gitea .tekton cloudbuild.yaml',
      ],
      [
        'hook-manager',
        '.husky .huskyrc .pre-commit-config.yaml lefthook.yml lefthook.yaml .lefthook.yml .lefthook .lintstagedrc .overcommit.yml .simple-git-hooks.json .simple-git-hooks.cjs .githooks .hooks',
      ],
      [
        'interpreter-start',
        'sitecustomize.py usercustomize.py .pythonrc .pythonstartup .pdbrc .gdbinit .lldbinit .irbrc .pryrc .rprofile .noderc .node_repl_history .psqlrc .screenrc .tmux.conf .wgetrc .curlrc .perltidyrc .bazelrc .ghci .ocamlinit .sqliterc .my.cnf .mailcap .lessfilter .lesskey .ackrc .gitconfig .hgrc .ssh .gnupg .docker .kube .aws',
      ],
      ['git-submodule', '.gitmodules'],
    ] as const
  ).flatMap(([rule, names]) => names.split(' ').map((name) => [name, rule] as const)),
);

const SUFFIXES: readonly (readonly [string, Rule])[] = [
  ['.code-workspace', 'editor-config'],
  ['.sublime-project', 'editor-config'],
  ['.pth', 'interpreter-start'],
  ['.desktop', 'shell-start'],
];

/** Places where only part of a directory is obeyed. */
const PLACES: readonly (readonly [RegExp, Rule])[] = [
  [/(^|\/)\.config\/(fish|git|nvim|autostart|systemd|environment\.d|pip|code|zed|tmux)\//, 'shell-start'],
  [/(^|\/)\.local\/(bin|share\/applications)\//, 'shell-start'],
  [/(^|\/)\.yarn\/(releases|plugins|sdks)\//, 'package-manager'],
  // Other version control: settings that name commands.
  [/(^|\/)\.hg\/(hgrc|hgrc-not-shared|sharedpath|requires)$/, 'git-config'],
  [/(^|\/)\.jj\/(repo\/)?config\.toml$/, 'git-config'],
  [/(^|\/)\.bzr\/.*\.conf$/, 'git-config'],
  [/(^|\/)\.fossil-settings\//, 'git-config'],
  [/(^|\/)\.cargo\/(config|config\.toml|credentials|credentials\.toml)$/, 'package-manager'],
];

/** Told of, never taken back: agents are asked to write them, and yet they steer the next agent. */
export const REPORTED_ONLY: ReadonlySet<Rule> = new Set(['agent-instructions', 'not-inspected']);

const GITHUB = new Set(['workflows', 'actions']);

export interface Placed {
  /** Names from the root, as the walk gives them. */
  readonly path: readonly string[];
  /** Whether the directory that holds it looks like git's own: HEAD, objects and refs side by side, whatever it is called. */
  readonly inGitDirectory: boolean;
}

/** The rule a regular file falls under by its place; undefined for the files a workspace is for. */
export function ruleByPlace({ path, inGitDirectory }: Placed): Rule | undefined {
  const names = path.map(foldName);
  const last = names.at(-1) ?? '';
  const git = names.lastIndexOf('.git');
  if (git >= 0 && git === names.length - 1) return 'git-redirect';
  if (git >= 0) return gitRule(names.slice(git + 1));
  if (inGitDirectory) return gitRule([last]);
  // Hooks of a repository under another name: hooks/ itself is never beside HEAD.
  if (names.at(-2) === 'hooks' && isHookName(last)) return 'git-hook';
  // Installed packages bring manifests and settings of their own, which nobody obeys where they lie.
  if (names.includes('node_modules') || names.includes('site-packages'))
    return last.endsWith('.pth') ? 'interpreter-start' : undefined;
  const github = names.indexOf('.github');
  if (github >= 0 && GITHUB.has(names[github + 1] ?? '')) return 'continuous-integration';
  if (github >= 0 && (names[github + 1] ?? '').startsWith('copilot')) return 'agent-config';
  if (last === 'package.json') return 'package-scripts';
  for (const name of names) if (Object.hasOwn(NAMES, name)) return NAMES[name];
  const joined = names.join('/');
  const place = PLACES.find(([pattern]) => pattern.test(joined))?.[1];
  return place ?? SUFFIXES.find(([suffix]) => last.endsWith(suffix))?.[1];
}

const HOOKS = new Set(
  'applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg commit-msg post-commit pre-rebase post-checkout post-merge pre-push pre-receive update proc-receive post-receive post-update reference-transaction push-to-checkout pre-auto-gc post-rewrite sendemail-validate fsmonitor-watchman post-index-change'.split(
    ' ',
  ),
);
const isHookName = (name: string): boolean => HOOKS.has(name);

/** `rest` starts beneath the git directory. Most of it is data; a few files are obeyed or run. */
function gitRule(rest: readonly string[]): Rule | undefined {
  const [first = '', second = ''] = rest;
  if (first === 'modules' || first === 'worktrees') {
    const inner = rest.findLastIndex((name) =>
      ['config', 'config.worktree', 'hooks', 'commondir', 'gitdir', 'info'].includes(name),
    );
    return inner > 0 ? gitRule(rest.slice(inner)) : undefined;
  }
  if (first === 'hooks') return rest.length > 1 && !second.endsWith('.sample') ? 'git-hook' : undefined;
  if (first === 'config' || first === 'config.worktree') return 'git-config';
  if (first === 'info' && (second === 'attributes' || second === 'grafts')) return 'git-config';
  if (
    first === 'commondir' ||
    first === 'gitdir' ||
    (first === 'objects' && second === 'info' && rest[2] === 'alternates')
  )
    return 'git-redirect';
  return undefined;
}

/** Settings git itself writes while it works, none of which names a program, another file or another address's helper. */
const HARMLESS_SETTING =
  /^(core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol|safecrlf|abbrev|quotepath|compression|sparsecheckout|sparsecheckoutcone|untrackedcache)|extensions\.(objectformat|worktreeconfig)|user\.(name|email|signingkey)|init\.defaultbranch|branch\..{1,200}\.(remote|merge|rebase|description)|remote\..{1,200}\.(url|fetch|tagopt|prune)|pull\.(rebase|ff)|push\.(default|autosetupremote|followtags)|merge\.(ff|conflictstyle)|rebase\.(autostash|autosquash)|fetch\.prune|color\..{1,60}|advice\..{1,60}|gc\.(auto|autodetach)|index\.version|feature\.manyfiles|submodule\.active)$/;
/** Addresses that name a helper program (`ext::`, `fd::`, `helper::`) or start like an option. */
const HELPER_ADDRESS = /^\s*(-|[a-z0-9+.-]{1,40}::)/i;

/** Settings of a git config file as `section.name` and value; a line that cannot be read counts as a setting of its own. */
export function gitSettings(text: string): readonly (readonly [string, string])[] {
  let section = '';
  const settings: (readonly [string, string])[] = [];
  // A backslash at the end joins lines: unjoined, a value could hide its setting.
  for (const line of text.replaceAll(/\\\r?\n/g, '').split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) continue;
    const header = /^\[\s*([A-Za-z0-9.-]{1,100})(?:\s{1,10}"((?:[^"\\]|\\.){0,300})")?\s*\](.{0,1000})$/.exec(trimmed);
    let rest = trimmed;
    if (header !== null) {
      section =
        header[2] === undefined
          ? (header[1] as string).toLowerCase()
          : `${(header[1] as string).toLowerCase()}.${header[2]}`;
      rest = (header[3] as string).trim();
      if (rest === '' || rest.startsWith('#') || rest.startsWith(';')) continue;
    }
    const setting = /^([A-Za-z][A-Za-z0-9-]{0,100})\s{0,20}(?:=\s{0,20}(.{0,4000}))?$/.exec(rest);
    settings.push(
      setting === null
        ? ['unreadable', rest]
        : [`${section}.${(setting[1] as string).toLowerCase()}`, setting[2] ?? 'true'],
    );
  }
  return settings;
}

/** Whether the second config says something to obey that the first did not. */
export function addsGitSettings(before: string, after: string): boolean {
  const known = new Set(gitSettings(before).map(([name, value]) => `${name}=${value}`));
  return gitSettings(after)
    .filter(([name, value]) => !known.has(`${name}=${value}`))
    .some(([name, value]) => !HARMLESS_SETTING.test(name) || (name.endsWith('.url') && HELPER_ADDRESS.test(value)));
}

/** Scripts npm and its kin run without being asked, when somebody installs. */
const LIFE_CYCLE = new Set(
  'preinstall install postinstall preprepare prepare postprepare prepublish prepublishonly prepack postpack dependencies preuninstall uninstall postuninstall'.split(
    ' ',
  ),
);

type Scripts = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Scripts =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsePackage(text: string): Scripts | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const lifeCycle = (manifest: Scripts | undefined): Scripts => {
  const scripts = manifest?.scripts;
  return isRecord(scripts)
    ? Object.fromEntries(Object.entries(scripts).filter(([name]) => LIFE_CYCLE.has(name.toLowerCase())))
    : {};
};

/** Whether life-cycle scripts differ. What cannot be parsed is not run by npm either. */
export function changesLifeCycle(before: string, after: string): boolean {
  const sorted = (scripts: Scripts): string =>
    JSON.stringify(Object.entries(scripts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return sorted(lifeCycle(parsePackage(before))) !== sorted(lifeCycle(parsePackage(after)));
}

/** The new manifest with the old life-cycle scripts: what the agent edited otherwise stays. */
export function restoreLifeCycle(before: string, after: string): string {
  const manifest = parsePackage(after) ?? {};
  const scripts = isRecord(manifest.scripts) ? manifest.scripts : {};
  const kept = Object.entries(scripts).filter(([name]) => !LIFE_CYCLE.has(name.toLowerCase()));
  const restored = { ...Object.fromEntries(kept), ...lifeCycle(parsePackage(before)) };
  return `${JSON.stringify({ ...manifest, scripts: restored }, undefined, 2)}\n`;
}

/** Characters that a terminal acts on or that hide or reorder others. */
export const UNSEEN = /[\p{Cc}\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u;

/** Control, bidirectional and undecodable characters: names that read differently from what they are. */
export function isOddName(name: string): boolean {
  const bytes = Buffer.from(name, 'latin1');
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(bytes);
  return !isText || UNSEEN.test(text) || text.startsWith('-') || text.trim() !== text;
}
