/** More attempts of our own, at what bubblewrap alone closes or leaves to Landlock. In the format of own-attacks.ts. */
import { python, sh, SYSCALL } from './own-attacks.ts';
import type { OwnAttack } from './own-attacks.ts';

/** What only a domain denies is only attempted where a launcher shows that there should be one. */
const UNDER_LANDLOCK = `import os, sys\nif not os.path.exists('/opt/launch'): sys.exit('no Landlock here')\n`;

export const DEEPER_ATTACKS: { readonly version: 1; readonly attacks: readonly OwnAttack[] } = {
  version: 1,
  attacks: [
    // The second layer.
    sh(
      'launcher-again',
      'cat /opt/launch >/dev/null 2>&1 && echo PWNED read; /opt/launch /bin/true 2>/dev/null && echo PWNED ran; true',
    ),
    python(
      'memory-of-init',
      `${UNDER_LANDLOCK}for name in ('mem', 'environ', 'maps', 'exe'):\n    try: os.open('/proc/1/' + name, os.O_RDWR if name == 'mem' else os.O_RDONLY); print('PWNED', name)\n    except OSError as e: print('denied', e.errno)`,
    ),
    python(
      'signal-init-by-descriptor',
      `${UNDER_LANDLOCK}import signal\ntry: signal.pidfd_send_signal(os.pidfd_open(1), 0); print('PWNED')\nexcept OSError as e: print('denied', e.errno)`,
    ),
    python(
      'start-from-shared-memory',
      `${UNDER_LANDLOCK}import shutil\nshutil.copy('/bin/echo', '/dev/shm/e'); os.chmod('/dev/shm/e', 0o755)\nfd = os.open('/dev/shm/e', os.O_RDONLY)\ntry: os.execve(fd, ['echo', 'PWNED'], {})\nexcept OSError as e: print('denied', e.errno)`,
    ),
    sh(
      'hide-from-the-oom-killer',
      '(echo -1000 > /proc/self/oom_score_adj) 2>/dev/null && echo PWNED; (echo 0 > /proc/self/loginuid) 2>/dev/null && echo PWNED loginuid; true',
    ),
    // Files.
    python(
      'nameless-file-in-usr',
      `import os\nfor place in ('/', '/usr', '/etc', '/opt', '/opt/node/bin', '/dev', '/proc'):\n    try: os.open(place, os.O_TMPFILE | os.O_RDWR, 0o644); print('PWNED', place)\n    except OSError as e: print('denied', e.errno)`,
    ),
    python(
      'reopen-for-writing',
      `import os\nfor path in ('/etc/passwd', '/usr/bin/env', '/opt/node/bin/node'):\n    fd = os.open(path, os.O_RDONLY)\n    for flags in (os.O_RDWR, os.O_WRONLY | os.O_TRUNC):\n        try: os.open('/proc/self/fd/%d' % fd, flags); print('PWNED', path)\n        except OSError as e: print('denied', e.errno)`,
    ),
    python(
      'device-by-whiteout',
      `${SYSCALL}\nimport stat\nopen('/workspace/w', 'w').close()\nsc(316, -100, b'/workspace/w', -100, b'/workspace/v', 4)\nprint('PWNED' if os.path.lexists('/workspace/w') and stat.S_ISCHR(os.lstat('/workspace/w').st_mode) else 'denied')`,
    ),
    python(
      'file-capability',
      `import os\nopen('/workspace/c', 'w').close()\nfor name, value in (('security.capability', bytes.fromhex('0100000200200000000000000000000000000000')), ('trusted.overlay.opaque', b'y'), ('security.ima', b'x')):\n    try: os.setxattr('/workspace/c', name, value); print('PWNED', name)\n    except OSError as e: print('denied', e.errno)`,
    ),
    python(
      'freeze-the-file-system',
      `import fcntl, os\nfd = os.open('/workspace', os.O_RDONLY)\nfor request in (0xC0045877, 0xC0185879, 0x5421 + 0x100):\n    try: fcntl.ioctl(fd, request, bytes(24)); print('PWNED', hex(request)); fcntl.ioctl(fd, 0xC0045878, 0)\n    except OSError as e: print('denied', e.errno)`,
    ),
    python(
      'read-without-a-trace',
      `import fcntl, os\nopen('/workspace/r', 'w').write('x')\ntry: os.open('/workspace/r', os.O_RDONLY | os.O_NOATIME); print('PWNED at opening')\nexcept OSError as e: print('denied', e.errno)\nfd = os.open('/workspace/r', os.O_RDONLY)\ntry: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NOATIME); print('PWNED later')\nexcept OSError as e: print('denied', e.errno)`,
      { control: true },
    ),
    // The host's doings.
    python(
      'watch-the-host',
      `${SYSCALL}\nfd, _ = sc(294, 0)\nfor place in (b'/usr/bin', b'/etc', b'/opt/node/bin'):\n    for mask in (0x20, 0x1, 0x10, 0xfff):\n        r, e = sc(254, fd, place, mask)\n        if r >= 0: print('PWNED', place, hex(mask))`,
      { control: true },
    ),
    sh(
      'activity-in-proc',
      'for f in interrupts locks diskstats partitions swaps; do grep -q . /proc/$f 2>/dev/null && echo PWNED $f; done; true',
      { control: true },
    ),
    sh(
      'other-terminals',
      'for t in /dev/pts/[0-9]* /dev/tty[0-9]* /dev/vcs* /dev/console; do (: > $t) 2>/dev/null && echo PWNED $t; done; true',
    ),
    // Rights and priorities.
    python(
      'privileges-to-be-had-again',
      `${SYSCALL}\nfor words in ((38, 0, 0, 0, 0), (47, 2, 21, 0, 0), (28, 0x2f, 0, 0, 0), (24, 21, 0, 0, 0)):\n    r, e = sc(157, *words)\n    print('PWNED' if r == 0 else 'denied', words[0], e)`,
    ),
    python(
      'higher-limits',
      `import resource\nfor name in ('NPROC', 'NOFILE', 'FSIZE', 'DATA', 'CORE'):\n    kind = getattr(resource, 'RLIMIT_' + name)\n    hard = resource.getrlimit(kind)[1]\n    if hard == resource.RLIM_INFINITY: print('PWNED', name); continue\n    try: resource.setrlimit(kind, (hard + 1, hard + 1)); print('PWNED', name)\n    except (OSError, ValueError) as e: print('denied')`,
    ),
    python(
      'realtime',
      `${SYSCALL}\ntry: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); print('PWNED')\nexcept OSError as e: print('denied', e.errno)\ntry: os.setpriority(os.PRIO_PROCESS, 0, -20); print('PWNED')\nexcept OSError as e: print('denied', e.errno)\nprint('PWNED' if sc(251, 1, 0, (1 << 13) | 0)[0] == 0 else 'denied')`,
    ),
    python(
      'wake-the-machine',
      `${SYSCALL}\ntimer = ctypes.c_int()\nfor clock in (8, 9):\n    print('PWNED' if sc(222, clock, 0, ctypes.byref(timer))[0] == 0 else 'denied', clock)`,
    ),
    // Resources.
    python(
      'memory-in-segments',
      `import ctypes\nlibc = ctypes.CDLL(None); libc.shmat.restype = ctypes.c_void_p\nfor i in range(32):\n    at = libc.shmat(libc.shmget(0, 64 << 20, 0o1600), 0, 0)\n    ctypes.memset(at, 1, 64 << 20)\nprint('PWNED')`,
    ),
    python(
      'memory-in-pipes',
      `import fcntl, os\nheld = []\nfor i in range(400):\n    r, w = os.pipe(); held.append((r, w))\n    try: fcntl.fcntl(w, 1031, 1 << 20)\n    except OSError: pass\n    os.set_blocking(w, False)\n    try:\n        while True: os.write(w, b'x' * 65536)\n    except BlockingIOError: pass\ntotal = sum(fcntl.fcntl(w, 1032) for _, w in held)\nprint('PWNED' if total > 512 << 20 else 'denied', total)`,
    ),
  ],
};
