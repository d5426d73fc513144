/** Loaded into the proxy before anything else (`--import`): says over IPC how long its event loop was late at most since the last question. Adds one timer of 5 ms. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 5;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
process.on('message', (message) => {
  if (message !== 'loop-delay') return;
  // The histogram holds whole intervals; what is over the timer's own is delay.
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  process.send?.({ p99: late(delay.percentile(99)), max: late(delay.max) });
  delay.reset();
});
process.channel?.unref();
