/** `sluice check`: validates the configuration, proves its labels, probes what it needs. Sends no prompt. Exit 2 for an unusable file, 1 when something needed is missing. */
import { Command } from 'commander';
import { describeReadiness } from '../pipeline/readiness.ts';
import { isPattern } from '../policy/offers.ts';
import { exposureProblems } from '../principals/exposure.ts';
import { provision } from '../provision.ts';
import { createLog } from '../telemetry/log.ts';
import type { CloudUpstream } from '../upstreams/upstream.ts';
import { data, dataJson, EXIT, leave, loadOrExit, talkProblems } from './terminal.ts';

export function checkCommand(): Command {
  return new Command('check')
    .description(
      'Validate the configuration, prove that no rule can send a label where it may not go, and probe models and sandbox.',
    )
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON')
    .action(async (options: { readonly config?: string; readonly json?: boolean }) => {
      const loaded = loadOrExit(options.config, options.json === true ? 'json' : 'text');
      const provisioned = await provision({
        config: loaded.config,
        digest: loaded.digest,
        configFile: loaded.file,
        environment: process.env,
        log: createLog('silent'),
        models: 'configured',
        sandbox: 'on',
      });
      if (provisioned.kind === 'invalid') {
        if (options.json === true) dataJson({ ready: false, problems: provisioned.problems });
        else talkProblems(loaded.file, provisioned.problems);
        process.exit(EXIT.unusable);
      }
      const exposed = exposureProblems(provisioned.context);
      if (exposed.length > 0) {
        await provisioned.close();
        if (options.json === true) dataJson({ ready: false, problems: exposed });
        else talkProblems(loaded.file, exposed);
        process.exit(EXIT.unusable);
      }
      const readiness = await describeReadiness(provisioned.context);
      const clouds = await Promise.all([...provisioned.context.clouds.values()].map(askCloud));
      const claims = provisioned.context.executor.status().claims;
      await provisioned.close();
      if (options.json === true) dataJson({ ...readiness, clouds: clouds.flat(), claims });
      else {
        data(
          `policy ${loaded.digest.slice(0, 12)}${loaded.file === '' ? ' (from the environment)' : ` (${loaded.file})`}: labels proved`,
        );
        for (const check of readiness.checks)
          data(`${check.ok ? 'ok  ' : 'MISS'}  ${check.name.padEnd(20)} ${check.detail}`);
        for (const { name, ok, detail } of clouds.flat())
          data(`${ok ? 'ok  ' : 'MISS'}  ${`asked:${name}`.padEnd(20)} ${detail}`);
        for (const claim of claims)
          data(`${claim.proved ? 'ok  ' : 'MISS'}    ${claim.claim.padEnd(30)} ${claim.evidence}`);
      }
      await leave(readiness.ready ? EXIT.done : EXIT.failed);
    });
}

interface Asked {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** askCloud asks for the model list alone. Sluice can serve without a cloud, so what is missing here is told and does not fail the check. */
async function askCloud({ name, models, health }: CloudUpstream): Promise<readonly Asked[]> {
  if (health === undefined) return [];
  const { kind, models: offered } = await health();
  switch (kind) {
    case 'unauthorized':
      return [{ name, ok: false, detail: `the key was refused; check upstreams.${name}.apiKey` }];
    case 'unreachable':
      return [
        {
          name,
          ok: false,
          detail:
            'no answer: the name does not resolve, nobody listens, or the certificate does not hold (curl -v URL/models says which)',
        },
      ];
    case 'reachable': {
      const missing = offered.length === 0 ? [] : models.filter((each) => !isPattern(each) && !offered.includes(each));
      return missing.length === 0
        ? [{ name, ok: true, detail: 'answers, and takes the key' }]
        : [{ name, ok: false, detail: `answers, and does not offer ${missing.join(', ')}` }];
    }
  }
}
