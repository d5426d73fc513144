/** Attacks on the listener and on the sandbox. */
import type { Chapter } from '../register.ts';

export const ATTACKS: readonly Chapter[] = [
  {
    title: 'Attacks on the listener',
    rows: [
      {
        id: 'A1',
        says: 'Slow, endless and many clients',
        tests: [
          'test/abuse/connections.test.ts › slow and endless clients are ended',
          'test/abuse/connections.test.ts › connections past the limit are closed',
        ],
      },
      {
        id: 'A2',
        says: 'Bombs: compressed, deep, wide, aliased',
        tests: [
          'test/abuse/connections.test.ts › a bomb counts what it inflates to',
          'test/router/json/parse.test.ts › nesting past the limit',
          'test/config/load.test.ts › a bomb of aliases',
        ],
      },
      {
        id: 'A3',
        says: 'Requests two parsers read differently',
        tests: [
          'test/abuse/connections.test.ts › requests that two parsers could read differently are refused',
          'test/router/json/parse.test.ts › accepts no mutation that JSON.parse refuses, and reads the rest alike',
        ],
      },
      {
        id: 'A4',
        says: 'Pages of other sites: rebinding, forms, scripts',
        tests: [
          'test/router/http/host-guard.test.ts',
          'test/router/admin/gate.test.ts › answers no name that was pointed here (DNS rebinding)',
          'test/router/admin/gate.test.ts › a body that is no JSON is not read',
        ],
      },
      {
        id: 'A5',
        says: 'Prototype pollution, log and terminal injection',
        tests: [
          'test/abuse/text-that-acts.test.ts › keys that are prototypes',
          'test/abuse/text-that-acts.test.ts › line breaks and escapes',
        ],
      },
      {
        id: 'A6',
        says: 'Forged and flooded placeholders, guessed and fixed sessions',
        tests: [
          'test/abuse/text-that-acts.test.ts › placeholders nobody made',
          'test/abuse/text-that-acts.test.ts › a session that is guessed or fixed',
        ],
      },
      {
        id: 'A7',
        says: 'Operators’ own patterns that never end',
        tests: [
          'test/classifiers/rules/safe-regex.test.ts',
          'test/classifiers/rules/presidio-yaml.test.ts › a regex that could hang',
        ],
      },
      { id: 'A8', says: 'Every parser against coverage-guided mutation', tests: ['test/fuzz/fuzz.test.ts'] },
      {
        id: 'A10',
        says: 'Learning from the time of an answer what somebody else has sent',
        tests: [
          'test/classifiers/owners.test.ts › memories of owners',
          'test/router/principals/admission.test.ts › is each key holder’s own, so that no answer is faster',
          'test/router/json/known-values.test.ts › knows of one owner nothing that another has sent',
        ],
      },
      {
        id: 'A9',
        says: 'Tampering with the audit: edited, cut, inserted, reordered, forked, set back',
        tests: ['test/router/audit/tamper.test.ts › tampering is found and named'],
      },
    ],
  },
  {
    title: 'Attacks on the sandbox',
    rows: [
      {
        id: 'S1',
        says: 'Reading or writing the host: links, races, /proc, hard links, descriptors',
        tests: [
          'test/sandbox/backends/bubblewrap.test.ts › what a call cannot do',
          'test/sandbox/attack/attack.test.ts › none gets out of bubblewrap, and every control is live',
          'test/sandbox/backends/bubblewrap-promises.test.ts › a link in place of the workspace is refused, not followed',
        ],
      },
      {
        id: 'S2',
        says: 'The kernel: namespaces, ptrace, io_uring, keys, modules, other instruction sets',
        tests: [
          'test/sandbox/seccomp/filter.test.ts › gives every number of the table the answer of its rule',
          'test/sandbox/seccomp/filter.test.ts › allows no namespace flag in any combination',
          'test/sandbox/seccomp/filter.test.ts › kills every x32 number',
        ],
      },
      {
        id: 'S3',
        says: 'Bombs of processes, memory, disk, output and time, while others go on working',
        tests: [
          'test/sandbox/backends/bubblewrap.test.ts › fork without end, while another sandbox keeps working',
          'test/sandbox/backends/bubblewrap.test.ts › flood: cut at the bound, ended past its multiple',
          'test/sandbox/bounded-output.test.ts › does not grow with a gigabyte',
        ],
      },
      {
        id: 'S4',
        says: 'Approve one plan, run another',
        tests: [
          'test/sandbox/broker/client.test.ts › a plan that is not the one approved',
          'test/sandbox/broker/ticket.test.ts › TicketGate rejects',
        ],
      },
      { id: 'S5', says: 'A second entry without the gate', tests: ['test/router/sandbox-surface/one-gate.test.ts'] },
      {
        id: 'S6',
        says: 'Arguments that choose the backend, mounts or the network',
        tests: ['test/sandbox/planner.test.ts › no argument decides anything but the command'],
      },
      {
        id: 'S7',
        says: 'The network: private and metadata addresses in every spelling, rebinding, redirects, path tricks, smuggling',
        tests: [
          'test/sandbox/egress/address.test.ts › isPublicAddress() refuses',
          'test/sandbox/egress/proxy.test.ts › request smuggling is refused before anything is dialled',
          'test/sandbox/egress/tunnel.test.ts',
        ],
      },
      {
        id: 'S8',
        says: 'Credentials: seen inside, sent to another host, after a redirect',
        tests: ['test/sandbox/egress/credential.test.ts › a credential is not sent'],
      },
      {
        id: 'S9',
        says: 'Files left for the host to run',
        tests: ['test/sandbox/guard/guard.test.ts › guardWorkspace()', 'test/sandbox/guard/change-store.test.ts'],
      },
      {
        id: 'S10',
        says: 'Configured but not enforced',
        tests: [
          'test/sandbox/backends/attestation.test.ts › judge()',
          'test/sandbox/backends/bubblewrap-promises.test.ts › an unfiltered call is seen from the host even when it lies about itself',
        ],
      },
      {
        id: 'S11',
        says: 'A canary read, a planted credential used',
        tests: [
          'test/sandbox/watch/watch.test.ts › what raises an alarm',
          'test/sandbox/watch/honey.test.ts › the scanner of a stream',
        ],
      },
      {
        id: 'S12',
        says: 'A container with more than the closed set of options',
        tests: [
          'test/sandbox/backends/docker-parts.test.ts › container options',
          'test/sandbox/backends/docker-parts.test.ts › what the engine says it made',
        ],
      },
      {
        id: 'S13',
        says: 'A machine that answers in the place of an endpoint: another authority, an expired certificate, a changed host key',
        tests: [
          'test/sandbox/backends/far-docker.test.ts › an unfit certificate opens nothing, on either side',
          'test/sandbox/backends/far-docker.test.ts › an expired certificate of the engine opens nothing',
          'test/sandbox/backends/far-ssh.test.ts › a changed host key, an unknown host, a strange key and a missing file each open nothing',
        ],
      },
      {
        id: 'S14',
        says: 'An endpoint’s machine that lies: files written outside, another image, a result of what was not attested',
        tests: [
          'test/sandbox/backends/untar.test.ts › what is refused, with nothing outside the place',
          'test/sandbox/backends/far-liar.test.ts › an engine that lies',
        ],
      },
      {
        id: 'S15',
        says: 'A call run twice, or called ended, because a machine was lost',
        tests: [
          'test/sandbox/backends/fleet.test.ts › when an engine is lost',
          'test/sandbox/backends/far-docker.test.ts › killed while a command runs: its end is unknown, it is not run again, and it does not run on there',
          'test/sandbox/backends/far-docker.test.ts › a fault at any request leaves nothing behind and reports nothing as done that was not',
        ],
      },
      {
        id: 'S16',
        says: 'A conversation’s tools on a machine that may not see its label',
        tests: ['test/sandbox/endpoints.test.ts › which machines may be given a call'],
      },
    ],
  },
];
