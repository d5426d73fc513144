/** `sluice check`: validates the configuration, proves its labels, probes what it needs. Sends no prompt. Exit 2 for an unusable file, 1 when something needed is missing. */
import { Command } from 'commander';
import { describeReadiness } from '../pipeline/readiness.ts';
import { exposureProblems } from '../principals/exposure.ts';
import { provision } from '../provision.ts';
import { createLog } from '../telemetry/log.ts';
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
      const claims = provisioned.context.executor.status().claims;
      await provisioned.close();
      if (options.json === true) dataJson({ ...readiness, claims });
      else {
        data(
          `policy ${loaded.digest.slice(0, 12)}${loaded.file === '' ? ' (from the environment)' : ` (${loaded.file})`}: labels proved`,
        );
        for (const check of readiness.checks)
          data(`${check.ok ? 'ok  ' : 'MISS'}  ${check.name.padEnd(20)} ${check.detail}`);
        for (const claim of claims)
          data(`${claim.proved ? 'ok  ' : 'MISS'}    ${claim.claim.padEnd(30)} ${claim.evidence}`);
      }
      await leave(readiness.ready ? EXIT.done : EXIT.failed);
    });
}
