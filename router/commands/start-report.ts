/** What `npm start` prints: what was found, what is missing and its cure, and four lines to try. */
import { listModels } from '../pipeline/models.ts';
import type { Context } from '../pipeline/context.ts';
import { describeReadiness } from '../pipeline/readiness.ts';
import { printable } from './terminal.ts';

/** `startToken` opens the console; empty where an admin key does. */
export async function describeStart(context: Context, url: string, startToken: string): Promise<readonly string[]> {
  const readiness = await describeReadiness(context);
  const models = await listModels(context);
  const lines = [`sluice listens on ${url}  (policy ${context.policyDigest.slice(0, 12)})`];
  if (context.demo)
    lines.push(
      '',
      'DEMO: no config file and no model in reach, so built-in STAND-IN models answer. They are no real models.',
      'Start Ollama, or set OPENAI_API_KEY or ANTHROPIC_API_KEY, or pass --config, and stand-ins are gone; --no-demo forbids them.',
    );
  lines.push('');
  for (const check of readiness.checks)
    lines.push(`${check.ok ? 'ok  ' : 'MISS'}  ${check.name.padEnd(20)} ${check.detail}`);
  const names = models.map((model) => model.id);
  lines.push(
    `      models               ${names.slice(0, 6).join(', ')}${names.length > 6 ? `, and ${names.length - 6} more` : ''}`,
  );
  lines.push(`      health               ${url}/healthz   ${url}/readyz   ${url}/metrics`);
  lines.push(`      tools                ${url}/mcp   ${url}/sandbox/v1/tools`);
  lines.push(
    `      console              ${url}/console${startToken === '' ? '   (log in with an admin key)' : `#${startToken}`}`,
  );
  const ask = (content: string, extra = ''): string =>
    `curl -si ${url}/v1/chat/completions -H 'content-type: application/json' -d '{"model":"auto","messages":[{"role":"user","content":"${content}"}]${extra}}'`;
  lines.push(
    '',
    'Point an agent at it:  OPENAI_BASE_URL=' + `${url}/v1`,
    'Or try (look at the x-sluice-route header):',
    `  ${ask('My card is 4539 5787 6362 1486, what should I do?')}`,
    `  ${ask('Prove step by step that there are infinitely many primes, then derive a bound on the n-th prime and compare both proofs.')}`,
    `  ${ask('Write to jane.roe@corp.example: prove step by step why our retry algorithm terminates, derive its worst case and compare three designs.')}`,
    `  ${ask('run: id; hostname; ls /', ',"stream":true')}`,
  );
  return lines.map(printable);
}
