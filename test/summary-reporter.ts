/**
 * Prints every skipped test with its reason, then the one line that CI reads:
 * `N passed, N failed, N skipped`. A skip nobody sees is a test nobody runs.
 */
import type { Reporter, TestModule } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    const skips: string[] = [];
    for (const module of modules) {
      // A file that cannot be loaded holds no tests; it still failed.
      if (module.errors().length > 0) count.failed += 1;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') count.passed += 1;
        else if (result.state === 'failed') count.failed += 1;
        else {
          count.skipped += 1;
          const note = result.state === 'skipped' ? result.note : undefined;
          skips.push(`${module.relativeModuleId} > ${test.fullName}${note === undefined ? '' : `: ${note}`}`);
        }
      }
    }
    for (const skip of skips) process.stdout.write(`SKIPPED ${skip}\n`);
    process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
  }
}
