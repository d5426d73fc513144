import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dependenciesPage, DEPENDENCIES_PAGE, lockedDependencies, manifest } from './dependencies.ts';

const all = lockedDependencies();
const shipped = all.filter((each) => each.dev !== true && each.devOptional !== true);

/** Licences that ask nothing of those who run or pass on Sluice but their notice. What is only used to test may be weakly copyleft. */
const SHIPPED_LICENCES = /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|CC0-1\.0|Unlicense)( OR .*)?$/;
const DEV_LICENCES = /^(MPL-2\.0|CC-BY-4\.0|Python-2\.0|\(MIT OR CC0-1\.0\)|\(AFL-2\.1 OR BSD-3-Clause\)|MIT AND .*)$/;

describe('dependencies', () => {
  it('were looked at', () => {
    expect(all.length).toBeGreaterThan(50);
    expect(shipped.map((each) => each.name)).toContain('undici');
    expect(shipped.map((each) => each.name)).not.toContain('vitest');
  });

  it('are exact: no range in package.json, and the lock holds that very version', () => {
    const named = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    const loose = Object.entries(named).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(loose).toEqual([]);
    for (const [name, version] of Object.entries(named))
      expect(all.find((each) => each.direct && each.name === name)?.version, name).toBe(version);
  });

  it('are archives with a digest: no git, no folder, no bare URL', () => {
    const unproved = all.filter((each) => each.integrity?.startsWith('sha512-') !== true);
    expect(unproved.map((each) => each.name)).toEqual([]);
  });

  it('run no script at install but those that are listed', () => {
    const scripted = all.filter((each) => each.hasInstallScript === true).map((each) => each.name);
    expect(scripted.length).toBeGreaterThan(0);
    expect(scripted.filter((name) => manifest.allowScripts[name] !== true)).toEqual([]);
  });

  it('have licences that may be shipped', () => {
    const wrong = shipped.filter((each) => !SHIPPED_LICENCES.test(each.license ?? ''));
    expect(wrong.map((each) => `${each.name}: ${each.license}`)).toEqual([]);
    const test = all.filter(
      (each) => !SHIPPED_LICENCES.test(each.license ?? '') && !DEV_LICENCES.test(each.license ?? ''),
    );
    expect(test.map((each) => `${each.name}: ${each.license}`)).toEqual([]);
  });

  it('are listed in the docs as they are', () => {
    expect(readFileSync(DEPENDENCIES_PAGE, 'utf8')).toBe(dependenciesPage(all));
  });
});
