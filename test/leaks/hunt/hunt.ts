/**
 * The hunt: requests of every surface with a value planted anywhere in any writing, and the turn after them; every byte that went to a cloud, every log line, header, error,
 * metric and file of the state directory is searched for it. A find is told with its seed and shrunk to the smallest body that still leaks.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { Random } from '../../helpers/random.ts';
import { COMPLEX, type TestSluice } from '../../helpers/sluice.ts';
import { plant, smaller } from './plant.ts';
import { type Json, type HuntSurface, SURFACES } from './surfaces.ts';
import { drawValue, ENCODINGS, type Planted } from './values.ts';

export interface Find {
  readonly seed: number;
  readonly run: number;
  readonly surface: string;
  readonly where: string;
  readonly kind: string;
  readonly encoding: string;
  /** `cloud`, `log`, `headers`, `error`. */
  readonly seenIn: string;
  readonly body: Json;
}

export interface Tally {
  readonly runs: number;
  readonly answered: number;
  readonly routes: ReadonlyMap<string, number>;
  readonly planted: readonly Planted[];
  readonly find?: Find;
}

const SEPARATE = /[\s-]/g;

export async function hunt(
  sluice: TestSluice,
  options: { readonly seed: number; readonly runs: number; readonly until?: number },
): Promise<Tally> {
  const random = new Random(options.seed);
  const routes = new Map<string, number>();
  const planted: Planted[] = [];
  let answered = 0;
  let run = 0;
  for (; run < options.runs && performance.now() < (options.until ?? Infinity); run += 1) {
    const surface = random.pick(SURFACES);
    const value = drawValue(random);
    const encoding = random.pick(ENCODINGS);
    const text = encoding.write(value.text);
    const forms = [...canaryOf(value.value).forms, ...(encoding.name === 'plain' ? [] : [text])];
    const stream = random.chance(2);
    const made = plant(
      surface.body(`${COMPLEX} (${options.seed}.${run})`, stream),
      text,
      value.value.replace(SEPARATE, ''),
      random,
    );
    planted.push(value);
    const first = await look(sluice, surface, made.body, forms);
    if (first.status === 200) answered += 1;
    routes.set(`${surface.name} ${first.route}`, (routes.get(`${surface.name} ${first.route}`) ?? 0) + 1);
    const again =
      first.seenIn === '' && first.status === 200 ? await look(sluice, surface, nextTurn(made.body), forms) : first;
    const seenIn = first.seenIn || again.seenIn;
    if (seenIn === '') continue;
    const body = await shrink(
      sluice,
      surface,
      first.seenIn === '' ? nextTurn(made.body) : made.body,
      forms,
      `${options.seed}.${run}`,
    );
    const find: Find = {
      seed: options.seed,
      run,
      surface: surface.name,
      where: made.where,
      kind: value.kind,
      encoding: encoding.name,
      seenIn,
      body,
    };
    return { runs: run, answered, routes, planted, find };
  }
  return { runs: run, answered, routes, planted };
}

interface Look {
  readonly status: number;
  readonly route: string;
  readonly seenIn: string;
}

async function look(sluice: TestSluice, surface: HuntSurface, body: Json, forms: readonly string[]): Promise<Look> {
  const clouds = [sluice.cloud, sluice.claude];
  const before = clouds.map((each) => each.requests.length);
  const logged = sluice.logged().length;
  const response = await sluice.ask(JSON.stringify(body), {}, surface.path);
  const reply = await response.text();
  const sent = clouds
    .flatMap((each, index) =>
      each.requests
        .slice(before[index])
        .map((request) => `${request.path}\n${JSON.stringify(request.headers)}\n${request.raw.toString('utf8')}`),
    )
    .join('\n');
  const heads = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const found = (text: string): boolean => leaksIn({ value: '', forms }, text).length > 0;
  const seenIn =
    found(sent) || found(unescaped(sent))
      ? 'cloud'
      : found(sluice.logged().slice(logged))
        ? 'log'
        : found(heads)
          ? 'headers'
          : response.status !== 200 && found(reply)
            ? 'error'
            : '';
  return { status: response.status, route: response.headers.get('x-sluice-route') ?? 'none', seenIn };
}

/** JSON escapes undone twice: arguments are JSON in JSON. */
function unescaped(text: string): string {
  const undo = (each: string): string =>
    each
      .replaceAll(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replaceAll(/\\(["\\/])/g, '$1');
  return undo(undo(text));
}

/** The client goes on: its history, an answer, and a harmless question. */
function nextTurn(body: Json): Json {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const fields = body as Readonly<Record<string, Json>>;
  const name = Array.isArray(fields['messages']) ? 'messages' : Array.isArray(fields['input']) ? 'input' : '';
  if (name === '') return body;
  const turns = fields[name] as readonly Json[];
  if (!turns.some((turn) => typeof turn === 'object' && turn !== null && 'role' in turn)) return body;
  return { ...fields, [name]: [...turns, { role: 'assistant', content: 'ok' }, { role: 'user', content: COMPLEX }] };
}

async function shrink(
  sluice: TestSluice,
  surface: HuntSurface,
  body: Json,
  forms: readonly string[],
  run: string,
): Promise<Json> {
  let smallest = body;
  let tries = 0;
  for (let shrunk = true; shrunk && tries < 400;) {
    shrunk = false;
    for (const candidate of smaller(smallest)) {
      if ((tries += 1) > 400) break;
      // A fresh opening: what was latched by the last try would keep this one home.
      const fresh = JSON.parse(JSON.stringify(candidate).replaceAll(`(${run})`, `(${run}.${tries})`)) as Json;
      if ((await look(sluice, surface, fresh, forms)).seenIn === '') continue;
      smallest = candidate;
      shrunk = true;
      break;
    }
  }
  return smallest;
}

/** Names of files of the state directory that hold one of the values. */
export function filesWith(stateDir: string, planted: readonly Planted[]): readonly string[] {
  return readdirSync(stateDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const bytes = readFileSync(join(entry.parentPath, entry.name)).toString('latin1');
      const found = planted.find(({ value }) => leaksIn(canaryOf(value), bytes).some((form) => !isChance(form, bytes)));
      return found === undefined ? [] : [`${entry.name}: ${found.kind}`];
    });
}

/** Nine digits stand by chance in ten megabytes of hexadecimal digests once in a few hours; a value that was written stands apart. */
function isChance(form: string, bytes: string): boolean {
  return /^\d{1,12}$/.test(form) && !new RegExp(`(?<![0-9a-f])${form}(?![0-9a-f])`).test(bytes);
}
