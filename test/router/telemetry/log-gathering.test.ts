/** Lines that wait to go out together are not lost by a process that ends, however it ends itself. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const LOG = join(import.meta.dirname, '../../../router/telemetry/log.ts');

function run(script: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const code = `import { createLog } from ${JSON.stringify(LOG)}; const log = createLog('info'); ${script}`;
    execFile(process.execPath, ['--input-type=module-typescript', '-e', code], (_error, _stdout, stderr) =>
      resolve(
        stderr
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .map((line) => (JSON.parse(line) as { msg: string }).msg),
      ),
    );
  });
}

describe('gathered log lines', () => {
  it.each([
    ['ends by itself', `log.info('one'); log.info('two');`],
    ['exits', `log.info('one'); log.info('two'); process.exit(0);`],
    ['dies of a fault it told', `log.info('one'); log.fatal('two'); process.kill(process.pid, 'SIGKILL');`],
    [
      'is killed a moment later',
      `log.info('one'); log.info('two'); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000);`,
    ],
  ])('are all written when the process %s', async (_, script) => {
    expect(await run(script)).toEqual(['one', 'two']);
  });
});
