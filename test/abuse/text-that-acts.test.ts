/** Text of a request that something else could take for its own: keys that are prototypes, line breaks in logs and headers, escapes for terminals, placeholders nobody made. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toToken } from '../../router/masking/placeholder.ts';
import { runCli } from '../helpers/cli.ts';
import { COMPLEX, say, spoken, startSluice, type TestSluice } from '../helpers/sluice.ts';

let sluice: TestSluice;
let cloudSays = 'ok';
beforeAll(async () => {
  sluice = await startSluice({
    cloud: { reply: () => ({ text: cloudSays }) },
    local: { reply: () => ({ text: 'ok' }) },
  });
});
afterAll(() => sluice.close());

const ESC = '\u001b';

describe('keys that are prototypes', () => {
  it.each([
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"a":{"__proto__":{"polluted":true}}}',
    '{"tools":[],"__proto__":{"tools":[{"type":"function","function":{"name":"polluted"}}]}}',
  ])('%s changes nothing but itself', async (extra) => {
    const body = `{"model":"auto","messages":[{"role":"user","content":"hello"}],${extra.slice(1)}`;
    const reply = await sluice.ask(body);
    await reply.text();
    expect(reply.status).toBe(200);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect('polluted' in {}).toBe(false);
    expect(JSON.stringify(sluice.local.chats().at(-1))).not.toContain('"tools"');
  });

  it('a conversation named like one is a conversation', async () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const reply = await sluice.ask(say('hello'), { 'x-session-id': name });
      await reply.text();
      expect(reply.status).toBe(200);
    }
  });
});

describe('line breaks and escapes', () => {
  const nasty = `x\r\nx-sluice-route: cloud\r\n\r\n${ESC}[2J${ESC}]0;owned\u0007\u2028{"level":"fatal"}`;
  it('in a model name reach no header and make no line of log', async () => {
    const reply = await sluice.ask({ ...say('hello'), model: nasty });
    await reply.text();
    expect(reply.headers.get('x-sluice-route')).not.toBe('cloud');
    for (const [, value] of reply.headers) expect(value).toMatch(/^[\u0020-\u007e]*$/);
    for (const line of sluice.logged().trim().split('\n')) {
      expect(() => JSON.parse(line) as unknown, 'a log line that is no JSON').not.toThrow();
      expect(line).not.toContain(ESC);
    }
    expect(sluice.logged()).not.toContain('"level":"fatal"');
  });

  it('in field names reach no error and no header', async () => {
    const reply = await sluice.ask({ ...say('hello'), [nasty]: { [nasty]: '4539 5787 6362 1486' } });
    const text = await reply.text();
    expect(text).not.toContain('owned');
    expect(sluice.logged()).not.toContain('owned');
  });

  it('in what the command line is given reach no terminal', async () => {
    const body = JSON.stringify({ ...say(`card 4539 5787 6362 1486 ${nasty}`), [nasty]: 1, model: nasty });
    const explained = await runCli(['explain'], { input: body });
    const classified = await runCli(['classify'], { input: `card 4539 5787 6362 1486 ${nasty}` });
    for (const { stdout, stderr } of [explained, classified]) {
      expect(stdout + stderr).not.toContain(ESC);
      expect(stdout + stderr).not.toContain('\u0007');
      expect(stdout).toContain('CREDIT_CARD');
    }
  });
});

describe('every command that prints what others wrote', () => {
  const evil = `x${ESC}[2J${ESC}]52;c;b3duZWQ=\u0007\u009b31m\u202e\rok  all claims proved`;
  const steers = (text: string): boolean =>
    // oxlint-disable-next-line no-control-regex -- these are the very characters
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text);
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'escapes-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const row = (label: string): string =>
    JSON.stringify({ id: evil, text: `mail ${evil}@corp.example`, label, source: evil });
  it.each<readonly [string, () => readonly string[], string]>([
    ['check, an unknown key', () => ['check', '-c', file('key.yaml', `${JSON.stringify(evil)}: 1\n`)], 'unknown key'],
    ['check --json', () => ['check', '--json', '-c', file('json.yaml', `${JSON.stringify(evil)}: 1\n`)], 'problems'],
    ['check, a value', () => ['check', '-c', file('value.yaml', `labels: [${JSON.stringify(evil)}, public]\n`)], ''],
    ['evaluate', () => ['evaluate', file('rows.jsonl', `${row('sensitive')}\n${row('safe')}\n`)], ''],
    ['evaluate, a bad row', () => ['evaluate', file('bad.jsonl', row(evil))], 'label'],
    ['evaluate --json', () => ['evaluate', '--json', file('rows2.jsonl', `${row('sensitive')}\n`)], ''],
    [
      'tune thresholds',
      () => [
        'tune',
        'thresholds',
        '--max-false-positives',
        '0.5',
        file('tune.jsonl', `${row('sensitive')}\n${row('safe')}\n`),
      ],
      '',
    ],
    [
      'replay',
      () => [
        'replay',
        '--policy',
        file('p.yaml', 'labels: [public, internal, confidential, restricted]\n'),
        file('receipts.jsonl', `${JSON.stringify({ kind: 'receipt', id: evil, route: evil })}\n`),
      ],
      '',
    ],
    [
      'keys create and list',
      () => ['keys', 'create', evil, '-c', file('keys.yaml', `stateDir: "${join(directory, 'state')}"\n`)],
      '',
    ],
    ['keys list', () => ['keys', 'list', '-c', join(directory, 'keys.yaml')], ''],
    ['audit search', () => ['audit', 'search', '-c', join(directory, 'keys.yaml')], ''],
    ['a file that is not there', () => ['classify', join(directory, evil)], 'cannot read'],
    ['an unknown option', () => ['classify', `--${evil}`], 'unknown option'],
    ['an unknown command', () => [evil], 'unknown command'],
    ['a tool nobody has', () => ['sandbox', 'explain', evil], ''],
  ])(
    '%s',
    async (_, args, says) => {
      const { stdout, stderr } = await runCli(args());
      expect(stdout + stderr).toContain(says);
      expect((stdout + stderr).length).toBeGreaterThan(0);
      expect(steers(stdout), JSON.stringify(stdout.slice(0, 500))).toBe(false);
      expect(steers(stderr), JSON.stringify(stderr.slice(0, 500))).toBe(false);
    },
    60_000,
  );
});

describe('placeholders nobody made', () => {
  const forged = toToken('EMAIL_ADDRESS', new Uint8Array(32).fill(7));
  it('from a client stay what they are', async () => {
    cloudSays = `back: ${forged}`;
    const reply = await sluice.ask(say(`${COMPLEX} ${forged} and jane.roe@corp-mail.example`));
    const text = spoken(await reply.text());
    expect(reply.headers.get('x-sluice-route')).toBe('cloud-masked');
    expect(text).toContain(forged);
    expect(text).not.toContain('jane.roe');
  });

  it('of one conversation restore nothing in another', async () => {
    cloudSays = 'ok';
    const first = await sluice.ask(say(`${COMPLEX} (first) mail tom.poe@corp-mail.example`), { 'x-session-id': 'a' });
    await first.text();
    const token = /\[\[EMAIL_ADDRESS_[a-z]+\]\]/.exec(sluice.cloud.requests.at(-1)?.raw.toString() ?? '')?.[0] ?? '';
    expect(token).not.toBe('');
    cloudSays = `it is ${token}`;
    const second = await sluice.ask(say(`${COMPLEX} (second) mail ann.lee@corp-mail.example`), { 'x-session-id': 'b' });
    const text = await second.text();
    expect(text).not.toContain('tom.poe');
    const third = await sluice.ask(say(`${COMPLEX} (third) what is ${token}?`), { 'x-session-id': 'c' });
    expect(await third.text()).not.toContain('tom.poe');
  });

  it('by the thousand cost what text costs and hide nothing', async () => {
    cloudSays = 'ok';
    const flood = Array.from({ length: 3_000 }, (_, n) => toToken('PERSON', Buffer.alloc(32, `${n}`))).join(' ');
    const reply = await sluice.ask(say(`${COMPLEX} (flood) ${flood} 4539 5787 6362 1486`));
    await reply.text();
    expect(reply.status).toBe(200);
    expect(sluice.sentToCloud()).not.toContain('4539 5787 6362 1486');
  }, 60_000);

  it('more values than a conversation may hold keep it home', async () => {
    const many = Array.from({ length: 11_000 }, (_, n) => `user${n}@corp-mail.example`).join('\n');
    const before = sluice.cloud.requests.length;
    const reply = await sluice.ask(say(`${COMPLEX} (many)\n${many}`));
    await reply.text();
    expect(reply.headers.get('x-sluice-route')).toBe('local');
    expect(sluice.cloud.requests.length).toBe(before);
  }, 60_000);
});

describe('a session that is guessed or fixed', () => {
  it('only raises: naming a sensitive conversation keeps a clean one home, and names nothing of it', async () => {
    const secret = await sluice.ask(say(`(guess) my card is 4539 5787 6362 1486`), { 'x-session-id': 'guess-me' });
    await secret.text();
    const guess = await sluice.ask(say(`${COMPLEX} (guess)`), { 'x-session-id': 'guess-me' });
    const text = await guess.text();
    expect(guess.headers.get('x-sluice-route')).toBe('local');
    expect(text).not.toContain('4539');
    expect(guess.headers.get('x-sluice-reason')).toMatch(/session-label/);
  });

  it('cannot lower: a new name for an old conversation is known by its content', async () => {
    const messages = [{ role: 'user', content: '(fix) my card is 4539 5787 6362 1486' }];
    const first = await sluice.ask({ model: 'auto', messages }, { 'x-session-id': 'one' });
    await first.text();
    const later = await sluice.ask(
      {
        model: 'auto',
        messages: [...messages, { role: 'assistant', content: 'ok' }, { role: 'user', content: COMPLEX }],
      },
      { 'x-session-id': 'two' },
    );
    await later.text();
    expect(later.headers.get('x-sluice-route')).not.toBe('cloud');
    expect(later.headers.get('x-sluice-label')).toBe('confidential');
    expect(sluice.sentToCloud()).not.toContain('4539 5787 6362 1486');
  });
});
