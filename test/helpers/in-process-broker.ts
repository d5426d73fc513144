/**
 * The real engine and executor over in-memory connections instead of processes, and taps on every frame between them and
 * the router: what passes can be seen, changed, dropped or cut, which is how a broken or hostile peer looks from outside.
 */
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { Backend } from '../../sandbox/backend.ts';
import { serveEngine } from '../../sandbox/broker/engine.ts';
import { serveExecutor } from '../../sandbox/broker/executor-service.ts';
import { FrameDecoder, encodeFrame } from '../../sandbox/broker/frame.ts';
import type { BrokerProcesses } from '../../sandbox/broker/start.ts';
import type { Mode } from '../../sandbox/executor.ts';

export type Direction = 'to-engine' | 'from-engine' | 'to-executor' | 'from-executor';
export interface Frame {
  readonly kind: string;
  readonly [key: string]: unknown;
}
/** Returns the frame to pass on, several, or none to swallow it; `cut` breaks both connections as a killed process does. */
export type Tap = (
  direction: Direction,
  frame: Frame,
  cut: () => void,
) => Frame | readonly (Frame | Buffer)[] | undefined;

export interface InProcessBroker extends BrokerProcesses {
  readonly frames: readonly { readonly direction: Direction; readonly frame: Frame }[];
  /** What crossed the link between engine and executor, as bytes the router must never see. */
  readonly linkBytes: () => string;
}

export function startInProcessBroker(options: {
  readonly backends: readonly Backend[];
  readonly tap?: Tap;
  readonly graceMs?: number;
}): InProcessBroker {
  const frames: { direction: Direction; frame: Frame }[] = [];
  const ended = Promise.withResolvers<string>();
  const streams: Duplex[] = [];
  const cut = (): void => {
    for (const stream of streams) stream.destroy();
    ended.resolve('the process was killed');
  };
  const tapped = (name: 'engine' | 'executor'): readonly [router: Duplex, child: Duplex] => {
    const [router, routerSide] = duplexPair();
    const [childSide, child] = duplexPair();
    const pass = (from: Duplex, to: Duplex, direction: Direction): void => {
      const decoder = new FrameDecoder();
      from.on('data', (chunk: Buffer) => {
        for (const decoded of decoder.push(chunk)) {
          if (decoded.kind === 'malformed') return;
          const frame = decoded.value as Frame;
          frames.push({ direction, frame });
          const passed = options.tap === undefined ? frame : options.tap(direction, frame, cut);
          const list = passed === undefined ? [] : Array.isArray(passed) ? passed : [passed];
          for (const one of list) if (!to.destroyed) to.write(Buffer.isBuffer(one) ? one : encodeFrame(one));
        }
      });
      from.on('end', () => to.end());
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    };
    pass(routerSide, childSide, `to-${name}`);
    pass(childSide, routerSide, `from-${name}`);
    streams.push(router, routerSide, childSide, child);
    return [router, child];
  };
  const [engine, engineChild] = tapped('engine');
  const [executor, executorChild] = tapped('executor');
  const [linkEngine, linkExecutor] = duplexPair();
  streams.push(linkEngine, linkExecutor);
  const crossed: Buffer[] = [];
  const write = linkEngine.write.bind(linkEngine);
  linkEngine.write = ((chunk: Buffer) => {
    crossed.push(chunk);
    return write(chunk);
  }) as typeof linkEngine.write;

  serveEngine({ router: engineChild, link: linkEngine, done: () => ended.resolve('the engine ended') });
  serveExecutor({
    router: executorChild,
    link: linkExecutor,
    createBackends: ({ modes }) =>
      new Map(
        options.backends
          .filter((backend) => modes.includes(backend.mode))
          .map((backend) => [backend.mode, backend] as [Mode, Backend]),
      ),
    createEgress: () => ({ open: () => Promise.resolve({ close: () => Promise.resolve() }) }),
    ownerOf: () => undefined,
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
    done: () => ended.resolve('the executor ended'),
  });
  return {
    engine,
    executor,
    ended: ended.promise,
    frames,
    linkBytes: () => Buffer.concat(crossed).toString('utf8'),
    silence: () => undefined,
    stop: async () => {
      engine.destroy();
      executor.destroy();
      await ended.promise;
    },
    kill: cut,
  };
}
