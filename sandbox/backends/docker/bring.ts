/** Fills what a sandbox may only read: a carrier of another user unpacks it inside the attested container. */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { carrierCommand } from './carriage.ts';
import { carrierOf } from './container-options.ts';
import type { ContainerSite } from './container-options.ts';
import { EngineFault } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Packed } from './pack-tree.ts';
import { createFrameReader } from './stream-frames.ts';

const BRING_MS = 120_000;

/** Rejects when it did not arrive whole: the caller hands nothing over then. */
export async function bring(engine: Engine, container: string, { uid }: ContainerSite, packed: Packed): Promise<void> {
  const id = carrierOf(uid);
  const made = (await engine.ask({
    method: 'POST',
    path: `/containers/${container}/exec`,
    body: {
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: false,
      Tty: false,
      User: `${id}:${id}`,
      Privileged: false,
      Env: [],
      WorkingDir: '/',
      Cmd: carrierCommand(packed.bytes),
    },
  })) as { readonly Id?: unknown } | undefined;
  const execution = made?.Id;
  if (typeof execution !== 'string' || !/^[0-9a-f]{1,128}$/.test(execution)) throw new EngineFault('no execution', 0);
  const stream = await engine.execute(execution);
  const timer = setTimeout(() => stream.destroy(new EngineFault('ETIMEDOUT', 0)), BRING_MS);
  try {
    let said = '';
    const ended = new Promise<void>((resolve) => {
      for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
    });
    stream.on('error', () => undefined);
    stream.on(
      'data',
      createFrameReader(
        (_which, chunk) => {
          if (said.length < 64) said += chunk.toString('latin1');
        },
        () => stream.destroy(),
      ),
    );
    await pipeline(Readable.from(packed.stream()), stream, { end: false });
    await ended;
    if (said.trim() !== 'carried') throw new EngineFault('not carried', 0);
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}
