/**
 * Which system calls a sandboxed program may make. An allow list: what is not named does not exist (ENOSYS), so a call the
 * kernel gains tomorrow is closed until someone opens it here. Fails closed: a name missing on a machine is just never reached.
 */

export type Check =
  /** Allowed unless any of these bits is set in the argument. */
  | { readonly kind: 'bits-clear'; readonly argument: number; readonly bits: number; readonly errno: number }
  /** Allowed only when the argument, under the mask, is one of the values. */
  | {
      readonly kind: 'one-of';
      readonly argument: number;
      readonly mask: number;
      readonly values: readonly number[];
      readonly errno: number;
    }
  /** Allowed unless the argument is one of the values. */
  | { readonly kind: 'none-of'; readonly argument: number; readonly values: readonly number[]; readonly errno: number }
  /** Applied only when one of `bits` is set in `argument`; else allowed. */
  | { readonly kind: 'when-set'; readonly argument: number; readonly bits: number; readonly check: Check }
  /** Applied only when `argument` is `value`; else allowed. */
  | { readonly kind: 'when-equal'; readonly argument: number; readonly value: number; readonly check: Check };

export type Rule =
  | { readonly kind: 'allow' }
  /** Every check must hold. */
  | { readonly kind: 'checked'; readonly checks: readonly [Check, ...Check[]] }
  | { readonly kind: 'error'; readonly errno: number }
  /** A tripwire: no honest program makes this call, so the process dies and the exit status says so. */
  | { readonly kind: 'kill' };

export const EPERM = 1;
export const ENOSYS = 38;
export const EAFNOSUPPORT = 97;

/** Every CLONE_NEW* bit that clone(2) takes. CLONE_NEWTIME (0x80) is only valid for unshare: in clone it is part of the signal. */
const NAMESPACE_FLAGS = 0x7e020000;
const CLONE_NEWTIME = 0x80;
const SET_ID_BITS = 0o6000;
const FILE_TYPE = 0o170000;
const O_CREAT = 0o100;
const O_TMPFILE_BIT = 0o20000000;
const O_NOATIME = 0o1000000;
const F_SETFL = 4;
/** IN_ACCESS, IN_CLOSE_NOWRITE, IN_OPEN. */
const WATCHES_READING = 0x31;
/** Leaves a device node behind. */
const RENAME_WHITEOUT = 4;
const FAMILY = { unix: 1, inet: 2, inet6: 10 } as const;
const SOCKET = { stream: 1, datagram: 2, sequencedPacket: 5, typeMask: 0xf } as const;
/** Protocol 0, TCP and UDP. SCTP, DCCP, MPTCP and the rest are kernel surface nobody here needs. */
const PROTOCOLS = [0, 6, 17];
/** Fake terminal input, the console's twin of it, console redirection. */
const TERMINAL_INJECTION = [0x5412, 0x541c, 0x541d];
/** A copy that shares blocks is read without a trace: FICLONE, FICLONERANGE. copy_file_range may do it and is not allowed either. */
const COPY_BY_REFERENCE = [0x40049409, 0x4020940d];
export const PR_SET_SECCOMP = 22;
const PR_SET_MM = 35;

const ALLOWED = `
  read write open openat close stat fstat lstat newfstatat statx poll ppoll lseek mmap mprotect munmap mremap madvise brk
  rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend
  sigaltstack signalfd signalfd4 pause alarm pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2
  access faccessat faccessat2 pipe pipe2 select pselect6 sched_yield msync mincore mlock mlock2 munlock mlockall munlockall
  shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl
  mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
  dup dup2 dup3 fcntl flock fsync fdatasync sync syncfs sync_file_range truncate ftruncate fallocate fadvise64
  getdents getdents64 getcwd chdir fchdir rename renameat mkdir mkdirat rmdir link linkat unlink unlinkat symlink
  symlinkat readlink readlinkat umask chown fchown lchown fchownat utime utimes utimensat futimesat
  setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr
  statfs fstatfs sendfile splice tee readahead memfd_create close_range
  nanosleep clock_nanosleep getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete
  timerfd_create timerfd_settime timerfd_gettime time gettimeofday clock_gettime clock_getres times
  getpid getppid gettid getpgid getpgrp setpgid getsid setsid getuid geteuid getgid getegid getresuid getresgid getgroups
  setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capget capset
  fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal
  getrlimit setrlimit prlimit64 getrusage sysinfo uname getpriority setpriority ioprio_get ioprio_set
  sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min
  sched_rr_get_interval sched_setaffinity sched_getaffinity sched_setattr sched_getattr getcpu
  futex futex_waitv futex_wake futex_wait futex_requeue set_robust_list get_robust_list set_tid_address rseq membarrier
  restart_syscall arch_prctl getrandom pkey_alloc pkey_free pkey_mprotect mseal map_shadow_stack
  epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2
  inotify_init inotify_init1 inotify_rm_watch io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
  connect accept accept4 bind listen getsockname getpeername setsockopt getsockopt sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown
`;

/** Known calls an honest program may try and must survive being refused. */
const REFUSED = `
  ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp seccomp keyctl add_key request_key
  perf_event_open userfaultfd chroot vhangup syslog sethostname setdomainname settimeofday clock_settime clock_adjtime
  adjtimex modify_ldt fanotify_init fanotify_mark name_to_handle_at vmsplice remap_file_pages mbind set_mempolicy
  get_mempolicy set_mempolicy_home_node migrate_pages move_pages memfd_secret pidfd_getfd
`;

/** Only an attempt to leave or to own the kernel makes these. */
const TRIPWIRES = `
  mount umount2 pivot_root setns move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr
  bpf kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct open_by_handle_at
  quotactl quotactl_fd iopl ioperm
`;

const words = (text: string): readonly string[] => text.trim().split(/\s+/);
const checked = (...checks: readonly [Check, ...Check[]]): Rule => ({ kind: 'checked', checks });
const noSetId = (argument: number): Check => ({ kind: 'bits-clear', argument, bits: SET_ID_BITS, errno: EPERM });
const noUnseenReading = (flags: number): Check => ({
  kind: 'bits-clear',
  argument: flags,
  bits: O_NOATIME,
  errno: EPERM,
});
/** The mode is garbage unless a file is made, so it is only looked at then. */
const noSetIdOnCreation = (flags: number, mode: number): Check => ({
  kind: 'when-set',
  argument: flags,
  bits: O_CREAT | O_TMPFILE_BIT,
  check: noSetId(mode),
});
const fifoOrFile = (argument: number): Check => ({
  kind: 'one-of',
  argument,
  mask: FILE_TYPE,
  values: [0, 0o100000, 0o010000],
  errno: EPERM,
});

export interface FilterOptions {
  /**
   * Whether programs may make Unix sockets. A bind mount carries path sockets, so a workspace that holds a host's
   * listening socket would be a way out; only a sandbox with an egress socket and no workspace needs them.
   */
  readonly unixSockets: boolean;
  /** Whether a launcher has yet to enter a Landlock domain and to add the filter that closes the way to another. */
  readonly launcher?: boolean;
}

/** What a launcher needs once and no program afterwards. */
export const LANDLOCK_CALLS = ['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self'] as const;

export function syscallRules(options: FilterOptions): ReadonlyMap<string, Rule> {
  const rules = new Map<string, Rule>();
  for (const name of words(ALLOWED)) rules.set(name, { kind: 'allow' });
  for (const name of words(REFUSED)) rules.set(name, { kind: 'error', errno: EPERM });
  for (const name of words(TRIPWIRES)) rules.set(name, { kind: 'kill' });

  rules.set('clone', checked({ kind: 'bits-clear', argument: 0, bits: NAMESPACE_FLAGS, errno: EPERM }));
  // Its flags sit behind a pointer a filter cannot follow; libc falls back to clone on ENOSYS only.
  rules.set('clone3', { kind: 'error', errno: ENOSYS });
  rules.set(
    'unshare',
    checked({ kind: 'bits-clear', argument: 0, bits: NAMESPACE_FLAGS | CLONE_NEWTIME, errno: EPERM }),
  );
  rules.set(
    'socket',
    checked(
      {
        kind: 'one-of',
        argument: 0,
        mask: 0xffffffff,
        values: options.unixSockets ? [FAMILY.unix, FAMILY.inet, FAMILY.inet6] : [FAMILY.inet, FAMILY.inet6],
        errno: EAFNOSUPPORT,
      },
      { kind: 'one-of', argument: 1, mask: SOCKET.typeMask, values: [SOCKET.stream, SOCKET.datagram], errno: EPERM },
      { kind: 'one-of', argument: 2, mask: 0xffffffff, values: PROTOCOLS, errno: EPERM },
    ),
  );
  // Datagram pairs may be redirected to a path by sendto or connect; connected streams may not.
  rules.set(
    'socketpair',
    checked(
      { kind: 'one-of', argument: 0, mask: 0xffffffff, values: [FAMILY.unix], errno: EAFNOSUPPORT },
      {
        kind: 'one-of',
        argument: 1,
        mask: SOCKET.typeMask,
        values: [SOCKET.stream, SOCKET.sequencedPacket],
        errno: EPERM,
      },
    ),
  );
  rules.set(
    'ioctl',
    checked({ kind: 'none-of', argument: 1, values: [...TERMINAL_INJECTION, ...COPY_BY_REFERENCE], errno: EPERM }),
  );
  // Reading that leaves no access time: the owner of a planted file could look at it unseen.
  rules.set('fcntl', checked({ kind: 'when-equal', argument: 1, value: F_SETFL, check: noUnseenReading(2) }));
  const controls = options.launcher === true ? [PR_SET_MM] : [PR_SET_SECCOMP, PR_SET_MM];
  rules.set('prctl', checked({ kind: 'none-of', argument: 0, values: controls, errno: EPERM }));
  if (options.launcher === true) for (const name of LANDLOCK_CALLS) rules.set(name, { kind: 'allow' });
  rules.set(
    'personality',
    checked({ kind: 'one-of', argument: 0, mask: 0xffffffff, values: [0, 0xffffffff], errno: EPERM }),
  );
  // Set-id files in a shared workspace would run as the sandbox's user for whoever starts them on the host.
  rules.set('chmod', checked(noSetId(1)));
  rules.set('fchmod', checked(noSetId(1)));
  rules.set('fchmodat', checked(noSetId(2)));
  rules.set('fchmodat2', checked(noSetId(2)));
  rules.set('creat', checked(noSetId(1)));
  // Whoever watches a directory that is shared with the host is told each program the host starts from it.
  rules.set('inotify_add_watch', checked({ kind: 'bits-clear', argument: 2, bits: WATCHES_READING, errno: EPERM }));
  rules.set('renameat2', checked({ kind: 'bits-clear', argument: 4, bits: RENAME_WHITEOUT, errno: EPERM }));
  rules.set('open', checked(noUnseenReading(1), noSetIdOnCreation(1, 2)));
  rules.set('openat', checked(noUnseenReading(2), noSetIdOnCreation(2, 3)));
  rules.set('mknod', checked(fifoOrFile(1), noSetId(1)));
  rules.set('mknodat', checked(fifoOrFile(2), noSetId(2)));
  return rules;
}
