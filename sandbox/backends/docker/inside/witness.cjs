// The witness on an endpoint's machine: reads what its kernel says of a process, one question a line, and ends processes
// whose time is up or whose service has gone. Knows no command and writes nothing but its answers.
const fs = require('node:fs');
const readline = require('node:readline');

const NAMESPACES = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'];
const text = (pid, name) => fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
const namespaces = (pid) =>
  Object.fromEntries(NAMESPACES.map((name) => [name, fs.readlinkSync(`/proc/${pid}/ns/${name}`)]));

/** By PID namespace: a number that was reused has another. */
const leashed = new Map();
const end = (namespace) => {
  const { pid, timer } = leashed.get(namespace);
  clearTimeout(timer);
  leashed.delete(namespace);
  try {
    if (fs.readlinkSync(`/proc/${pid}/ns/pid`) === namespace) process.kill(pid, 'SIGKILL');
  } catch {}
};

/** What to compare with: the process that started it is the engine's, and in no container. */
const parentOf = (status) => Number(/^PPid:\t(\d+)$/m.exec(status)[1]);

const look = (pid) => {
  const status = text(pid, 'status');
  const parent = parentOf(status);
  return {
    process: {
      status,
      limits: text(pid, 'limits'),
      environment: text(pid, 'environ'),
      namespaces: namespaces(pid),
      descriptors: fs.readdirSync(`/proc/${pid}/fd`).map(Number),
    },
    cgroup: text(pid, 'cgroup'),
    commandLine: text(pid, 'cmdline'),
    mountinfo: text(pid, 'mountinfo'),
    own: { namespaces: namespaces(parent), cgroup: text(parent, 'cgroup') },
  };
};

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, kind, pid, namespace, ms } = JSON.parse(line);
    if (kind === 'leash') {
      leashed.set(namespace, { pid, timer: setTimeout(() => end(namespace), ms) });
      return;
    }
    let answer;
    try {
      answer = { id, sight: look(pid) };
    } catch (error) {
      answer = { id, fault: `${error.code || 'fault'} ${String(error.path).replace(/^\/proc\/\d+\//, '')}` };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  })
  .on('close', () => {
    for (const namespace of leashed.keys()) end(namespace);
    process.exit(0);
  });
process.stdout.write('{"id":0}\n');
