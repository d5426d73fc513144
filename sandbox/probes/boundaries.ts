/** Claims about what crosses the boundary: network, sockets, environment, descriptors. */
import { NODE_INSIDE, SHELL_INSIDE, WORKSPACE_INSIDE } from '../tools/programs.ts';
import { judgeScript, NODE_PRELUDE, probePlan, PROBE_ENVIRONMENT, scriptProbe } from './probe.ts';
import type { Judgement, Probe } from './probe.ts';
import type { World } from './world.ts';

/** Metadata services, private ranges, the wider network, and the host's loopback. All must fail at once, not time out. */
const connections = (world: World): string => `${NODE_PRELUDE}
const net = require('node:net'), dgram = require('node:dgram'), os = require('node:os');
const targets = [['127.0.0.1', ${world.tcpPort}], ['169.254.169.254', 80], ['100.100.100.200', 80], ['fd00:ec2::254', 80], ['10.0.0.1', 80], ['172.17.0.1', 2375], ['192.168.0.1', 80], ['1.1.1.1', 443], ['2606:4700:4700::1111', 443]];
const attempt = ([host, port]) => new Promise((resolve) => {
  const socket = net.connect({ host, port });
  const finish = (found) => { if (found) violation(found); socket.destroy(); resolve(); };
  socket.setTimeout(1500, () => finish('no answer from ' + host + ' instead of a refusal'));
  socket.on('connect', () => finish('connected to ' + host)).on('error', () => finish(''));
});
const send = () => new Promise((resolve) => {
  const socket = dgram.createSocket('udp4');
  socket.on('error', () => resolve());
  socket.send('x', 53, '8.8.8.8', (error) => { if (!error) violation('a datagram left'); socket.close(); resolve(); });
});
const others = require('node:fs').readFileSync('/proc/net/dev', 'latin1').split('\\n').slice(2).filter((line) => line.trim() && !/^\\s*lo:/.test(line));
if (others.length) violation(others.length + ' interfaces beside loopback');
if (require('node:fs').readFileSync('/proc/net/route', 'latin1').trim().split('\\n').length > 1) violation('there is a route');
Promise.all([...targets.map(attempt), send()]).then(() => require('node:dns').lookup('example.com', (error) => { if (!error) violation('a name resolved'); done(); }));
`;

function unlessReached(verdict: Judgement, world: World, before: number): Judgement {
  if (!world.live)
    return { proved: false, evidence: 'the planted sockets do not answer outside either, so nothing is proved' };
  const reached = world.arrivals() - before;
  return reached === 0 ? verdict : { proved: false, evidence: `${reached} connections reached the host` };
}

const network: Probe = {
  claim: 'no-network',
  async prove(run, world) {
    const before = world.arrivals();
    const outcome = await run(probePlan([NODE_INSIDE, '-e', connections(world)]));
    return unlessReached(
      judgeScript(
        outcome,
        'only loopback, no route; 9 addresses (host loopback, metadata, private, public), UDP and DNS all refused at once',
      ),
      world,
      before,
    );
  },
};

const hostSockets: Probe = {
  claim: 'no-host-sockets',
  async prove(run, world) {
    const before = world.arrivals();
    const code = `${NODE_PRELUDE}
const net = require('node:net');
const attempt = (path) => new Promise((resolve) => {
  const socket = net.connect({ path });
  socket.on('connect', () => { violation('connected to ' + JSON.stringify(path)); socket.destroy(); resolve(); }).on('error', () => resolve());
});
Promise.all(['${WORKSPACE_INSIDE}/host.sock', '\\0${world.abstractName}', '/run/docker.sock', '/run/dbus/system_bus_socket'].map(attempt)).then(done);`;
    const outcome = await run(
      probePlan([NODE_INSIDE, '-e', code], { workspace: { access: 'rw', source: world.workspace } }),
    );
    return unlessReached(
      judgeScript(outcome, 'a listening socket in the workspace and an abstract one were out of reach'),
      world,
      before,
    );
  },
};

const expected = Object.entries(PROBE_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);

/** Read by cat of its own: a redirection would be opened by a process whose memory exec replaces, and read as empty. */
const environment = scriptProbe(
  'clean-environment',
  "the environment is the plan's and PWD; pid 1 shows neither environment nor options",
  () => `
cat /proc/self/environ | tr '\\0' '\\n' | grep -v -x -F -e '${expected.join("' -e '")}' | grep -v -e '^PWD=' | grep -q . && echo VIOLATION something was inherited
tr '\\0' '\\n' < /proc/1/environ | grep -v '^PWD=' | grep -q . && echo VIOLATION pid 1 shows an environment
[ -r /proc/1/environ ] || echo VIOLATION pid 1 cannot be looked at
tr '\\0' '\\n' < /proc/1/cmdline | grep -q -e bind -e setenv -e unshare && echo VIOLATION pid 1 shows its options; true`,
);

const descriptors: Probe = {
  claim: 'no-inherited-descriptors',
  async prove(run) {
    // The listing itself holds one descriptor, on /proc; anything else beyond standard error was inherited.
    const script =
      'for process in self 1; do for one in /proc/$process/fd/*; do number=${one##*/}; target=$(readlink "$one") || continue; case "$process/$number/$target" in self/[012]/*|1/[012]/*) ;; */anon_inode:*eventfd*) ;; *) echo "VIOLATION $process holds $number";; esac; done; done; echo probe-complete';
    return judgeScript(
      await run(probePlan([SHELL_INSIDE, '-c', script])),
      'the program holds 0, 1 and 2 and nothing else',
    );
  },
};

const terminalProbe = (evidence: string, others: readonly string[]): Probe =>
  scriptProbe(
    'no-terminal',
    evidence,
    () => `
(: < /dev/tty) 2>/dev/null && echo VIOLATION there is a terminal
for device in /dev/*; do case "$device" in /dev/null|/dev/zero|/dev/full|/dev/random|/dev/urandom|/dev/tty|/dev/fd|/dev/stdin|/dev/stdout|/dev/stderr|/dev/core|/dev/pts|/dev/ptmx|/dev/shm|/dev/mqueue|/dev/console${others.map((path) => `|${path}`).join('')}) ;; *) echo "VIOLATION $device";; esac; done`,
  );

const terminal = terminalProbe('no controlling terminal, and only the eight harmless devices', []);
/** gVisor brings devices of its own kernel. */
export const GVISOR_TERMINAL = terminalProbe(
  'no controlling terminal; beside the eight harmless devices only fuse and tun of the container’s own kernel, of no use without mounts and capabilities',
  ['/dev/char', '/dev/fuse', '/dev/net'],
);

export const BOUNDARY_PROBES: readonly Probe[] = [network, hostSockets, environment, descriptors, terminal];
