/** An executor process with the fake backend, as rude as the command it is asked to run says: `manner:hangs`, `block`, `die`. */
import { readFileSync, readdirSync } from 'node:fs';
import { serveExecutor } from '../../sandbox/broker/executor-service.ts';
import { inheritedChannels, outliveGroupSignals, sealInherited } from '../../sandbox/broker/inherited.ts';
import { createFakeBackend } from './fake-backend.ts';
import type { Manner } from './fake-backend.ts';

sealInherited();
outliveGroupSignals();

/** What this process was born with, as an attestation, so that a test can read it from the receipt. */
function birth(): Readonly<Record<string, string>> {
  const leaks = readdirSync('/proc/self/fd').filter((name) => {
    try {
      const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1] ?? '0';
      return Number(name) > 2 && (Number.parseInt(flags, 8) & 0o2000000) === 0;
    } catch {
      return false;
    }
  });
  return {
    pid: String(process.pid),
    environment: Object.keys(process.env).toSorted().join(','),
    arguments: process.argv.slice(2).join(','),
    cwd: process.cwd(),
    capabilities: /^CapBnd:\s+(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '',
    leaks: leaks.join(','),
  };
}

serveExecutor({
  ...inheritedChannels(),
  createBackends() {
    const backend = createFakeBackend();
    const run = backend.run.bind(backend);
    backend.run = async (plan, options) => {
      const command = plan.argv.at(-1) ?? '';
      if (command === 'die') process.kill(process.pid, 'SIGKILL');
      if (command === 'block') for (;;);
      if (command.startsWith('manner:')) backend.manner = command.slice('manner:'.length) as Manner;
      const outcome = await run(plan, options);
      return outcome.kind === 'exited' ? { ...outcome, attested: birth() } : outcome;
    };
    return new Map([['bubblewrap', backend]]);
  },
  createEgress: () => ({ open: () => Promise.reject(new Error('no egress')) }),
  ownerOf: () => undefined,
  graceMs: 300,
  done: () => process.exit(0),
});
