// The witness on an endpoint's machine: reads what its kernel says of a process, one question a line, and ends processes
// whose time is up or whose service has gone. Knows no command and writes nothing but its answers.
const fs = require('node:fs');
const readline = require('node:readline');

const NAMESPACES = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'];
const text = (pid, name) => fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
const namespaces = (pid) =>
  Object.fromEntries(NAMESPACES.map((name) => [name, fs.readlinkSync(`/proc/${pid}/ns/${name}`)]));

/** When it was started, in ticks: the kernel gives numbers of processes and of namespaces out again, soon. */
const startOf = (pid) => text(pid, 'stat').split(') ').pop().split(' ')[19];

const leashed = new Set();
const end = (entry) => {
  clearTimeout(entry.timer);
  leashed.delete(entry);
  const { pid, namespace, start } = entry;
  try {
    if (fs.readlinkSync(`/proc/${pid}/ns/pid`) === namespace && startOf(pid) === start) process.kill(pid, 'SIGKILL');
  } catch {}
};
const leash = (pid, namespace, ms) => {
  try {
    const entry = { pid, namespace, start: startOf(pid) };
    entry.timer = setTimeout(() => end(entry), ms);
    leashed.add(entry);
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
      leash(pid, namespace, ms);
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
    for (const entry of Array.from(leashed)) end(entry);
    process.exit(0);
  });
process.stdout.write('{"id":0}\n');
