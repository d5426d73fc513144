/** What the model is told of a tool call that ran here, and the receipt that goes with it. Bounded by what the sandbox kept. */
import type { BoundedOutput, ToolOutcome, ToolReceipt } from '../../sandbox/executor.ts';

export function describeOutcome(outcome: ToolOutcome): string {
  switch (outcome.kind) {
    case 'exited': {
      const out = joinOutput(outcome.stdout);
      const err = joinOutput(outcome.stderr);
      const parts = [
        out,
        ...(err === '' ? [] : [`[stderr]\n${err}`]),
        ...(outcome.code === 0 ? [] : [`[exit code ${outcome.code}]`]),
      ].filter((part) => part !== '');
      return `${parts.length === 0 ? '[no output, exit code 0]' : parts.join('\n')}\n${describeReceipt(outcome.receipt)}`;
    }
    case 'killed': {
      const parts = [joinOutput(outcome.stdout), joinOutput(outcome.stderr), `[killed: ${outcome.by}]`].filter(
        (part) => part !== '',
      );
      return `${parts.join('\n')}\n${describeReceipt(outcome.receipt)}`;
    }
    case 'refused':
      return `[not run: ${outcome.code}] ${outcome.message}`;
  }
}

function joinOutput(output: BoundedOutput): string {
  const text =
    output.omittedBytes === 0
      ? output.head + output.tail
      : `${output.head}\n[… ${output.omittedBytes} bytes omitted …]\n${output.tail}`;
  return text.trimEnd();
}

function describeReceipt(receipt: ToolReceipt): string {
  return `[sandbox ${receipt.backend}, policy ${receipt.policyDigest.slice(0, 12)}, proved ${Math.round(receipt.probeAgeMs / 1000)} s ago]`;
}
