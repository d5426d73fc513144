/** One door for rule files, by the dialect their ending names. The caller reads the file; nothing here does I/O. */
import type { EntityType } from '../finding.ts';
import { loadGitleaksToml } from './gitleaks-toml.ts';
import { loadPresidioYaml } from './presidio-yaml.ts';
import type { LoadedRules } from './rule-problem.ts';

/** loadRuleFile: `.toml` is gitleaks', `.yaml` and `.yml` are Presidio's; any other ending is a problem on line 1. */
export function loadRuleFile(name: string, text: string, builtIn: ReadonlySet<EntityType>): LoadedRules {
  if (name.endsWith('.toml')) return loadGitleaksToml(text);
  if (/\.ya?ml$/.test(name)) return loadPresidioYaml(text, builtIn);
  return {
    kind: 'invalid',
    problems: [{ line: 1, message: 'a rule file ends in .toml (gitleaks) or .yaml (Presidio)' }],
  };
}
