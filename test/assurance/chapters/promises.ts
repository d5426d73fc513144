/** The promises of the design, and how replies end. */
import { POSITIONS, HUNT } from './leak-tests.ts';
import type { Chapter } from '../register.ts';

export const PROMISES: readonly Chapter[] = [
  {
    title: 'The five promises',
    rows: [
      {
        id: '1a',
        says: 'Nothing leaves unless proved clear: one function makes what a cloud takes, one door sends it, and it asks whether that function made this very object',
        tests: [
          'test/router/upstreams/door.test.ts › sendCleared() lets nothing out that clear() did not make',
          'test/architecture/imports.test.ts › has one door',
        ],
      },
      {
        id: '1b',
        says: 'A value anywhere in a request of any surface, in any writing that is read back, does not leave',
        tests: [HUNT, 'test/leaks/random-bodies.test.ts', ...POSITIONS],
      },
      {
        id: '1c',
        says: 'No rule, pool, alias or fallback can send a label where it may not go; such a configuration is refused at load',
        tests: [
          'test/router/policy/prove.test.ts › provePolicy()',
          'test/router/policy/decide.test.ts › decide() properties',
          'test/router/pipeline/pools.test.ts › widens nothing',
        ],
      },
      {
        id: '1d',
        says: 'The exact outgoing bytes are scanned once more, knowing nothing of how they came about',
        tests: [
          'test/router/pipeline/cost.test.ts › reads what nobody has read, and only that',
          'test/classifiers/read-memory.test.ts › whatever was classified before, and wherever the change is',
        ],
      },
      {
        id: '2a',
        says: 'Not knowing is not clean: a classifier that throws, hangs or answers nothing opens no way out',
        tests: ['test/leaks/nth-failure.test.ts', 'test/router/policy/decide.test.ts › decide() the table'],
      },
      {
        id: '2b',
        says: 'What nobody can read (images, audio, files, opaque blobs) stays inside, also after the client drops it',
        tests: [
          'test/router/protocols/openai-chat-segments.test.ts › parts nobody can read',
          'test/router/pipeline/table.test.ts › holds what nobody could read, after the client drops it',
        ],
      },
      {
        id: '2c',
        says: 'Fallback points inwards only',
        tests: [
          'test/router/pipeline/upstream-faults.test.ts › away: a sensitive request is refused with the fix',
          'test/router/pipeline/pools.test.ts › tells the client when both fail, and only then falls inwards',
        ],
      },
      {
        id: '3a',
        says: 'Sensitivity sticks to a conversation, recognised by its content without any session header',
        tests: [
          'test/router/pipeline/table.test.ts › keeps a conversation home after its sensitive turn was summarised away, with no session header',
          'test/router/sessions/memory.test.ts › raises and never lowers',
          'test/clients/openai-responses.test.ts › keeps a conversation inside that held something sensitive',
        ],
      },
      {
        id: '3b',
        says: 'What the memory forgets, it forgets in the safe direction; it outlives the process',
        tests: [
          'test/router/sessions/memory.test.ts › forgets in the safe direction',
          'test/router/pipeline/store.test.ts › carries a conversation’s label over a restart',
          'test/router/sessions/memory.test.ts › lets nobody go on who cannot keep a mark',
        ],
      },
      {
        id: '3c',
        says: 'Labels join over tool results, before a result is sent anywhere',
        tests: [
          'test/router/pipeline/tool-loop.test.ts › moves the conversation inside when a tool reads something sensitive, before the result is sent anywhere',
        ],
      },
      {
        id: '4a',
        says: 'A sandbox that says it is on, is on: each claim is probed from inside, and each probe is seen to fail where its claim does not hold',
        tests: [
          'test/sandbox/probes/probes.test.ts › proves every claim of a sandbox as it is shipped',
          'test/sandbox/probes/probes.test.ts › every claim has a row that breaks it',
        ],
      },
      {
        id: '4b',
        says: 'An unproved claim, a dead or a late broker means that nothing runs, and nothing is reported as run that was not',
        tests: [
          'test/sandbox/broker/client.test.ts › what stops tool execution',
          'test/sandbox/broker/nth-failure.test.ts',
        ],
      },
      {
        id: '4c',
        says: 'Every result carries a receipt of what the host saw',
        tests: [
          'test/sandbox/backends/bubblewrap.test.ts › a receipt of what the host saw',
          'test/sandbox/attack/attack.test.ts › says in its receipt that nothing is isolated',
        ],
      },
      {
        id: '5',
        says: 'Evidence, never content: logs, metrics, traces, audit, errors, headers and files hold no text of a request; samples are kept only where they are switched on, sealed',
        tests: [
          HUNT,
          'test/leaks/nth-failure.test.ts',
          'test/router/telemetry/live.test.ts › and records hold nothing of a request',
          'test/router/audit/served.test.ts › equal values have equal digests, and no value is in any file',
          'test/architecture/docs.test.ts › error codes',
          'test/router/feedback/sampler.test.ts › off, as it is by default, keep nothing',
          'test/router/feedback/sampler.test.ts › on, keep the newest text of the lowest label only, sealed',
        ],
      },
    ],
  },
  {
    title: 'Endings',
    rows: [
      {
        id: 'E1',
        says: 'A refusal by policy is told once, in a form that agents do not retry',
        tests: [
          'test/clients/openai.test.ts › sees a refusal as a BadRequestError with our code, once',
          'test/clients/openai-responses.test.ts › sees a refusal as a BadRequestError, once, and one after the stream began as a failed response',
          'test/clients/anthropic.test.ts › sees a refusal by policy as a PermissionDeniedError, once',
        ],
      },
      {
        id: 'E2',
        says: 'A truncated answer is never presented as whole',
        tests: [
          'test/router/pipeline/upstream-faults.test.ts › a cloud that fails inside its answer',
          'test/clients/openai.test.ts › sees an upstream that breaks inside its answer as an error',
        ],
      },
      {
        id: 'E3',
        says: 'Nothing of a request is sent twice unasked; redirects are not followed',
        tests: [
          'test/router/upstreams/door-faults.test.ts › a redirect is not followed',
          'test/router/pipeline/pools.test.ts › does not ask twice what may have been done once',
        ],
      },
      {
        id: 'E4',
        says: 'A client that goes away stops the upstream and its tools; one that reads slowly holds the upstream back',
        tests: [
          'test/router/upstreams/door-pipe.test.ts › holds the upstream back while the client does not read',
          'test/router/pipeline/tool-loop.test.ts › stops a running tool when the client goes away',
        ],
      },
      {
        id: 'E5',
        says: 'A model that is called local but is not never sees a prompt',
        tests: [
          'test/router/upstreams/ollama-locality.test.ts › a model that is not on this machine never sees the prompt',
        ],
      },
      {
        id: 'E6',
        says: 'What a cloud says that it was never told is taken out where the policy asks for it, on every wire, however it is cut',
        tests: [
          'test/router/masking/remove.test.ts',
          'test/router/pipeline/reply-findings.test.ts › no value passes, all else does',
        ],
      },
    ],
  },
  {
    title: 'When the machine fails',
    rows: [
      {
        id: 'M1',
        says: 'The clock jumps: no key comes back to life, no evidence is deleted, no bucket fills, no proof is older or younger',
        tests: ['test/faults/clock.test.ts'],
      },
      {
        id: 'M2',
        says: 'Descriptors, memory or disk run out: nothing goes out that was to stay, and with room again it serves, knowing what it knew',
        tests: [
          'test/faults/exhausted.test.ts › none left: nothing goes out that was to stay',
          'test/faults/exhausted.test.ts › it dies shut, and the next start knows the conversation',
          'test/faults/exhausted.test.ts › a file system that is full',
          'test/router/store/faults.test.ts › the store’s file, while Sluice runs',
        ],
      },
      {
        id: 'M3',
        says: 'Killed before any write, or with its database inside a transaction: what was promised is there, the rest whole or not at all',
        tests: [
          'test/faults/killed-writing.test.ts › killed before every write there is',
          'test/faults/killed-writing.test.ts › a server process killed inside a transaction',
          'test/router/store/killed.test.ts › loses no label',
        ],
      },
      {
        id: 'M4',
        says: 'Names that do not resolve, certificates that expired, are for another host or signed by nobody: inwards or an error, on every surface, and not a byte of the request sent',
        tests: ['test/faults/network.test.ts'],
      },
      {
        id: 'M5',
        says: 'The local server restarts inside an answer: every protocol ends with its own last word, never as whole',
        tests: ['test/faults/ollama-restarted.test.ts'],
      },
      {
        id: 'M6',
        says: 'Mixed traffic with faults, for as long as asked: memory, descriptors and latency stay within bounds, every stream has its last word, every request is in the audit',
        tests: ['test/soak/soak.test.ts'],
      },
    ],
  },
];
