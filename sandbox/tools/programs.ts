/**
 * Names inside a sandbox that plans and backends agree on. A plan names programs by these absolute paths; where they come
 * from on the host is the backend's business.
 */

/** The Node binary Sluice itself runs on, mounted read-only by the backend. */
export const NODE_INSIDE = '/opt/node/bin/node';
export const SHELL_INSIDE = '/bin/sh';
export const PYTHON_INSIDE = '/usr/bin/python3';

export const WORKSPACE_INSIDE = '/workspace';
export const HOME_INSIDE = '/home/agent';
export const TMP_INSIDE = '/tmp';
/**
 * Where the watch's own credentials lie. Not in a home or in /root: there, what is found is a host's that should not be seen,
 * and nothing may look like it.
 */
export const HONEY_INSIDE = '/opt/backup';
/** Where the backend puts the egress proxy's Unix socket when the plan has one. */
export const EGRESS_SOCKET_INSIDE = '/run/egress.sock';
/** What bwrap starts where there is Landlock. No place a program may read, so that not reading it shows the domain. */
export const LAUNCHER_INSIDE = '/opt/launch';
