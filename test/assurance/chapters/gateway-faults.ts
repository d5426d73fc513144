/** Faults that gateways of the field were found to have. */
import { POSITIONS, HUNT } from './leak-tests.ts';
import type { Chapter } from '../register.ts';

export const GATEWAY_FAULTS: readonly Chapter[] = [
  {
    title: 'Faults of gateways: surfaces and positions',
    rows: [
      {
        id: 'G1',
        says: 'An endpoint that is passed on unread',
        tests: [
          'test/abuse/connections.test.ts › a path is served as it is spelt, or not at all',
          'test/router/pipeline/bad-input.test.ts › what is not served is refused',
          ...POSITIONS,
        ],
      },
      {
        id: 'G2',
        says: 'Embeddings that pass because masking them is not supported',
        tests: [
          'test/leaks/openai-other-positions.test.ts › a card number planted in an embeddings request',
          'test/clients/openai-embeddings.test.ts › of clean texts go to a cloud model the operator listed',
        ],
      },
      {
        id: 'G3',
        says: 'Pass-through endpoints without guards',
        tests: [
          'test/abuse/connections.test.ts › a target with a host of its own goes nowhere but here',
          'test/abuse/connections.test.ts › CONNECT opens nothing',
        ],
      },
      {
        id: 'G4',
        says: 'Guards that are off until switched on',
        tests: [
          'test/router/policy/decide.test.ts › decide() the table',
          'test/config/reference.test.ts › the example is the defaults as it stands',
        ],
      },
      {
        id: 'G5',
        says: 'Only the last message is read',
        tests: ['test/leaks/positions.test.ts › a card number planted in'],
      },
      {
        id: 'G6',
        says: 'A secret of an earlier turn leaves with a later, harmless one',
        tests: ['test/router/pipeline/table.test.ts › the latch', HUNT],
      },
      {
        id: 'G7',
        says: 'Tool results are not read',
        tests: [
          'test/leaks/positions.test.ts › a card number planted in',
          'test/router/pipeline/tool-loop.test.ts › moves the conversation inside',
        ],
      },
      {
        id: 'G8',
        says: 'Arguments of earlier tool calls are not read; restored values leave with the replayed history',
        tests: [
          'test/router/protocols/openai-chat-segments.test.ts › open tool-call arguments and any other JSON in a string, also nested',
          'test/router/pipeline/tool-loop.test.ts › sends placeholders, restores them in text and arguments, streamed and not, and masks the replay the same way',
        ],
      },
      {
        id: 'G9',
        says: 'Tool descriptions, metadata, names, schemas, keys and numbers are not read',
        tests: [
          'test/router/protocols/openai-chat-segments.test.ts › never leave a string leaf out, whatever the body',
          HUNT,
        ],
      },
      {
        id: 'G10',
        says: 'Only user messages are masked',
        tests: [
          'test/router/masking/mask.test.ts › masks in parts, tool results, descriptions, metadata and tool-call arguments, which stay JSON',
        ],
      },
      {
        id: 'G11',
        says: 'Input is cut before it is read, silently',
        tests: [
          'test/router/json/parse.test.ts › more values than the limit, of whatever kind',
          'test/router/upstreams/ollama-window.test.ts › cut in silence by a server that ignores truncate is an error',
        ],
      },
    ],
  },
  {
    title: 'Faults of gateways: failing open',
    rows: [
      { id: 'G12', says: 'A classifier that fails forwards the text', tests: ['test/leaks/nth-failure.test.ts'] },
      {
        id: 'G13',
        says: 'A fallback crosses the boundary',
        tests: [
          'test/router/policy/prove.test.ts › provePolicy()',
          'test/router/pipeline/pools.test.ts › may see what its lowest member may',
        ],
      },
      {
        id: 'G14',
        says: 'A retry takes a way round the guards',
        tests: [
          'test/router/pipeline/pools.test.ts › masks once for all, and no member sees the value',
          'test/router/upstreams/door.test.ts › a request cleared for another upstream',
        ],
      },
      {
        id: 'G15',
        says: 'A score under a threshold that nobody set lets card numbers pass',
        tests: ['test/classifiers/pii/payment-card.test.ts', 'test/classifiers/golden.test.ts'],
      },
    ],
  },
  {
    title: 'Faults of gateways: masking',
    rows: [
      {
        id: 'G16',
        says: 'Placeholders are never restored',
        tests: [
          'test/router/masking/restored-stream.test.ts › is restored in text, reasoning and arguments of every choice',
          'test/router/masking/round-trip.test.ts',
        ],
      },
      {
        id: 'G17',
        says: 'The whole stream is buffered',
        tests: [
          'test/router/masking/restore.test.ts › holds back nothing but the beginning of a token that exists',
          'test/router/upstreams/door-pipe.test.ts › sends the head before the first token',
        ],
      },
      {
        id: 'G18',
        says: 'A placeholder cut over chunks, bytes or choices is lost, or comes after the terminator',
        tests: [
          'test/router/masking/restored-stream.test.ts › is restored the same when the bytes are cut at each single place',
          'test/router/masking/restore.test.ts › lets go of what it held before the finish, the end and an error',
          'test/fuzz/fuzz.test.ts',
        ],
      },
      {
        id: 'G19',
        says: 'Placeholders collide, change between turns or are shared by users',
        tests: [
          'test/router/masking/store.test.ts › keeps tokens across restarts, and apart for principals and conversations',
          'test/router/masking/store.test.ts › restores for nobody else',
        ],
      },
      {
        id: 'G20',
        says: 'The map of values is sent upstream',
        tests: [
          'test/router/pipeline/table.test.ts › sends the cloud no header of the client and no field that names it',
          HUNT,
        ],
      },
      {
        id: 'G21',
        says: 'Masked text is masked again',
        tests: [
          'test/router/masking/mask.test.ts › does not mask again what this conversation masked, and treats a forged token as text',
          'test/router/masking/placeholders-are-clean.test.ts › a placeholder is clean',
        ],
      },
      {
        id: 'G22',
        says: 'JSON breaks, numbers turn to strings, keys change',
        tests: [
          'test/router/masking/identity.test.ts › bring back tool arguments as JSON of the same value',
          'test/router/masking/mask.test.ts › masks values that JSON inside strings spells with escapes',
        ],
      },
      {
        id: 'G23',
        says: 'The model tries to resolve placeholders; code is damaged by shape alone',
        tests: ['test/router/masking/mask.test.ts › explainPlaceholders()', 'test/classifiers/golden.test.ts'],
      },
      {
        id: 'G24',
        says: 'Delimiters are escaped on the way',
        tests: ['test/router/masking/restore.test.ts › knows a token whose underscores Markdown escaped, cut anywhere'],
      },
      {
        id: 'G25',
        says: 'State at the provider cannot be undone',
        tests: ['test/clients/openai-responses.test.ts › carries on from an earlier response, which no upstream keeps'],
      },
    ],
  },
  {
    title: 'Faults of gateways: on the side',
    rows: [
      {
        id: 'G26',
        says: 'Logs, traces and spend records hold what was masked',
        tests: [
          'test/router/telemetry/live.test.ts › tell one request in spans, continue the client’s trace, and hold nothing of it',
          HUNT,
        ],
      },
      {
        id: 'G27',
        says: 'Errors echo what matched',
        tests: [
          'test/router/pipeline/bad-input.test.ts › bad input is refused with a code and a place, and nothing is sent',
          'test/router/json/parse.test.ts › without a word of the body in the refusal',
        ],
      },
      {
        id: 'G28',
        says: 'Caches answer one user with what another said',
        tests: ['test/router/principals/admission.test.ts › nothing is shared between principals'],
      },
      {
        id: 'G29',
        says: 'A header switches the record off, or claims a role',
        tests: [
          'test/router/audit/served.test.ts › one receipt per request whatever became of it',
          'test/router/principals/admission.test.ts › keeps the roles apart on every path',
          'test/abuse/connections.test.ts › is no way to ask a model, whatever header says POST',
        ],
      },
      {
        id: 'G30',
        says: 'A dependency that turns against its users',
        tests: ['test/supply-chain/dependencies.test.ts', 'test/supply-chain/package.test.ts'],
      },
      {
        id: 'G31',
        says: 'Cost that grows with every turn',
        tests: [
          'test/router/pipeline/cost.test.ts › a turn whose prefix was seen',
          'test/architecture/patterns.test.ts › patterns that read prompts',
        ],
      },
      {
        id: 'G32',
        says: 'Words of the harness taken for the person’s; a tool loop that changes models',
        tests: ['test/classifiers/complexity/score.test.ts'],
      },
    ],
  },
];
