/** What the lock file installs beside Sluice, and docs/dependencies.md made of it: `npm run generate` writes it, a test fails when it is stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
export const DEPENDENCIES_PAGE = join(ROOT, 'docs/dependencies.md');

interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

export interface Dependency extends LockedPackage {
  readonly name: string;
  /** Whether package.json names it. */
  readonly direct: boolean;
}

export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

export const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

export function lockedDependencies(): readonly Dependency[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const named = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  return Object.entries(lock.packages)
    .filter(([path]) => path !== '')
    .map(([path, locked]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { ...locked, name, direct: name in named && path === `node_modules/${name}` };
    });
}

export function dependenciesPage(all: readonly Dependency[]): string {
  const shipped = all.filter((each) => each.dev !== true && each.devOptional !== true);
  const counts = new Map<string, number>();
  for (const each of all) counts.set(each.license ?? 'none', (counts.get(each.license ?? 'none') ?? 0) + 1);
  return [
    '# Dependencies',
    '',
    '<!-- Made by `npm run generate` from package-lock.json; do not edit. -->',
    '',
    `${shipped.length} packages run with Sluice (direct ones in bold), ${all.length - shipped.length} more are there to build and test it. Every version is exact, every archive has its digest in the lock file,`,
    `and only ${Object.keys(manifest.allowScripts).join(', ')} may run a script at install. \`npm run sbom\` prints a CycloneDX bill of materials of what runs; \`npm audit --omit dev\` asks the registry for known faults.`,
    '',
    '| package | version | licence |',
    '| --- | --- | --- |',
    ...shipped
      .toSorted((a, b) => a.name.localeCompare(b.name, 'en') || a.version.localeCompare(b.version, 'en'))
      .map(
        (each) =>
          `| ${each.direct ? `**${each.name}**` : each.name} | ${each.version}${each.optional === true ? ' (optional)' : ''} | ${each.license ?? 'none'} |`,
      ),
    '',
    '## Licences, all packages',
    '',
    '| licence | packages |',
    '| --- | --- |',
    ...[...counts]
      .toSorted((a, b) => b[1] - a[1] || a[0].localeCompare(b[0], 'en'))
      .map(([name, count]) => `| ${name} | ${count} |`),
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(DEPENDENCIES_PAGE, dependenciesPage(lockedDependencies()));
