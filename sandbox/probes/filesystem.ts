/** Claims about files: what of the host can be read, written, filled or left behind. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SHELL_INSIDE, WORKSPACE_INSIDE } from '../tools/programs.ts';
import { describeEnd, judgeScript, probePlan, PROBE_LIMITS, scriptProbe, textOf } from './probe.ts';
import type { Probe } from './probe.ts';

const reading = scriptProbe(
  'filesystem-read',
  'searched all mounts, every /proc/*/root and the usual places for a planted host file, homes and keys',
  (world) => `
cat '${world.secretFile}' /proc/[0-9]*/root'${world.secretFile}' /proc/[0-9]*/cwd'${world.secretFile}' 2>/dev/null | grep -q '${world.canary}' && echo VIOLATION read by path
find / \\( -path /proc -o -path /usr \\) -prune -o -name '${world.secretName}' -print 2>/dev/null | grep -q . && echo VIOLATION found by name
for place in /root /boot /srv /mnt /media /sys /oldroot /newroot /etc/shadow /etc/ssh /etc/sudoers /var/log /var/lib /var/run/docker.sock /run/docker.sock /run/systemd /run/dbus; do
  # A directory that is seen to hold nothing but directories tells nothing: container engines mask /sys with one.
  [ -d "$place" ] && [ -z "$(find "$place" ! -type d 2>&1 | head -1)" ] && continue
  [ -e "$place" ] && echo "VIOLATION $place exists"
done
[ "$(ls /home)" = agent ] || echo VIOLATION other homes
for file in kcore kallsyms keys kmsg cmdline config.gz; do
  [ -s /proc/$file ] && head -c 1 /proc/$file 2>/dev/null | grep -q . && echo "VIOLATION /proc/$file"
done`,
);

const writing = scriptProbe(
  'filesystem-write',
  'tried to create files in 14 places of the system and in a world-writable directory of the host, and to unmount',
  (world) => `
for place in / /usr /usr/bin /usr/local/bin /etc /opt /opt/node /opt/node/bin /home /run /var /dev /proc /proc/sys '${world.hostDirectory}'; do
  (: > "$place/sluice-probe") 2>/dev/null && echo "VIOLATION wrote in $place"
done
for file in /usr/bin/env /etc/passwd /opt/node/bin/node; do (: >> $file) 2>/dev/null && echo "VIOLATION opened $file"; done
for place in /tmp /home/agent /dev/shm; do : > $place/sluice-probe || echo "VIOLATION $place is not usable"; done
for place in / /proc/sys /etc; do umount -l $place 2>/dev/null && echo "VIOLATION unmounted $place"; done; true`,
);

const workspace: Probe = {
  claim: 'workspace',
  async prove(run, world) {
    const call = (access: 'ro' | 'rw', script: string) =>
      run(
        probePlan([SHELL_INSIDE, '-c', script], {
          workspace: { access, source: world.workspace },
          cwd: WORKSPACE_INSIDE,
        }),
      );
    const readOnly = await call(
      'ro',
      '(: > made) 2>/dev/null && echo VIOLATION wrote a read-only workspace; (: > direct/made) 2>/dev/null && echo VIOLATION wrote through a link; echo probe-complete',
    );
    const verdict = judgeScript(readOnly, 'read-only is not writable');
    if (!verdict.proved) return verdict;
    const writable = await call(
      'rw',
      ': > made || echo VIOLATION the workspace is not usable; (: > direct/made) 2>/dev/null && echo VIOLATION wrote through a link; echo probe-complete',
    );
    const second = judgeScript(writable, 'writable');
    if (!second.proved) return second;
    const owner = statSync(join(world.workspace, 'made')).uid;
    rmSync(join(world.workspace, 'made'));
    if (owner === 0 || owner !== world.uid)
      return { proved: false, evidence: `a file made inside belongs to uid ${owner} outside` };
    return {
      proved: true,
      evidence: `read-only refused a write; in writable, a file made inside belongs to uid ${owner} outside, and a link out led nowhere`,
    };
  },
};

const mountTargets: Probe = {
  claim: 'mounts-outside-workspace',
  async prove(run, world) {
    const outcome = await run(
      probePlan(['/bin/echo', 'started'], { workspace: { access: 'rw', source: world.workspace } }),
    );
    const made = readdirSync(world.hostDirectory);
    if (made.length > 0)
      return {
        proved: false,
        evidence: `starting a sandbox made ${made.length} entries on the host through links in the workspace (CVE-2026-87766)`,
      };
    if (outcome.kind !== 'exited' || textOf(outcome.stdout) !== 'started\n')
      return { proved: false, evidence: `the sandbox did not start: ${describeEnd(outcome)}` };
    return {
      proved: true,
      evidence: 'a workspace full of links to /oldroot made bwrap create nothing on the host (CVE-2026-87766)',
    };
  },
};

const disk = scriptProbe(
  'disk-limit',
  `wrote until refused in /tmp, home and /dev/shm: each stopped at ${PROBE_LIMITS.diskBytes} bytes; /dev took nothing`,
  () => `
for place in /tmp /home/agent /dev/shm /dev; do
  head -c ${PROBE_LIMITS.diskBytes * 4} /dev/zero > $place/fill 2>/dev/null
  size=$(stat -c %s $place/fill 2>/dev/null || echo 0)
  [ "$size" -gt ${PROBE_LIMITS.diskBytes} ] && echo "VIOLATION $size bytes in $place"
  rm -f $place/fill
done; true`,
);

const largeFile = scriptProbe(
  'file-size-limit',
  'a file in a writable workspace stopped growing at its limit',
  () => `
head -c 4000000 /dev/zero > big 2>/dev/null
size=$(stat -c %s big 2>/dev/null || echo 0)
rm -f big
[ "$size" -gt 1048576 ] && echo "VIOLATION $size bytes"; [ "$size" -gt 0 ] || echo VIOLATION nothing could be written`,
  (world) => ({
    workspace: { access: 'rw', source: world.workspace },
    cwd: WORKSPACE_INSIDE,
    limits: { ...PROBE_LIMITS, fileBytes: 1048576 },
  }),
);

const persistence: Probe = {
  claim: 'nothing-persists',
  async prove(run) {
    const leave =
      'for place in /tmp /home/agent /dev/shm; do echo left > $place/left; done; (setsid sleep 30 >/dev/null 2>&1 &); sleep 0.05; ls -d /proc/[0-9]* | wc -l';
    const first = await run(probePlan([SHELL_INSIDE, '-c', leave]));
    if (first.kind !== 'exited') return { proved: false, evidence: `the first call failed: ${describeEnd(first)}` };
    if (Number(textOf(first.stdout)) < 4)
      return { proved: false, evidence: 'the first call could not leave a process to look for' };
    const look =
      'for place in /tmp /home/agent /dev/shm; do [ -e $place/left ] && echo "VIOLATION $place kept a file"; done; grep -q sleep /proc/[0-9]*/comm && echo VIOLATION a process stayed; echo probe-complete';
    return judgeScript(
      await run(probePlan([SHELL_INSIDE, '-c', look])),
      'files and a daemon left by one call were gone in the next',
    );
  },
};

/** Settings of the kernel, beyond what the mount table promises: every file of /proc/sys is opened for writing. */
const settings: Probe = {
  claim: 'kernel-settings',
  async prove(run) {
    const script = `
found=$(find /proc/sys /proc/sysrq-trigger /proc/irq /proc/bus -type f 2>/dev/null | head -5000 | while read -r file; do (: >> "$file") 2>/dev/null && echo "$file"; done | head -3)
[ -n "$found" ] && echo "VIOLATION $found"
value=$(cat /proc/sys/kernel/core_pattern 2>/dev/null) && (printf '%s' "$value" > /proc/sys/kernel/core_pattern) 2>/dev/null && echo VIOLATION core_pattern
# gVisor's kernel has settings, but not this one.
ls /proc/sys/kernel/* > /dev/null && echo probe-complete`;
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'latin1');
    const verdict = judgeScript(
      await run(probePlan([SHELL_INSIDE, '-c', script])),
      'no file of /proc/sys could be opened for writing, core_pattern included',
    );
    return before === readFileSync('/proc/sys/kernel/core_pattern', 'latin1')
      ? verdict
      : { proved: false, evidence: 'core_pattern of the host changed' };
  },
};

export const FILESYSTEM_PROBES: readonly Probe[] = [
  reading,
  writing,
  workspace,
  mountTargets,
  disk,
  largeFile,
  persistence,
  settings,
];
