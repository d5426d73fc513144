/** Compiles classifiers/skim/skim.as into skim-module.ts: `node classifiers/training/write-skim.ts`. A test holds the two together. */
import { hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const SOURCE = fileURLToPath(new URL('../skim/skim.as', import.meta.url));
const OPTIONS = ['--runtime', 'stub', '--optimizeLevel', '3', '--noAssert', '--enable', 'simd', '--importMemory'];

/** compileSkim returns the module's bytes; throws what the compiler says. */
export async function compileSkim(): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await asc.main(['skim.ts', '--outFile', 'skim.wasm', ...OPTIONS], {
    readFile: (name) => (name === 'skim.ts' ? readFileSync(SOURCE, 'utf8') : null),
    writeFile: (_name, contents) => void (bytes = typeof contents === 'string' ? undefined : contents),
    listFiles: () => [],
  });
  if (error || bytes === undefined) throw new Error(`the module does not compile: ${stderr.toString()}`);
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = await compileSkim();
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,110}/g) ?? [];
  writeFileSync(
    fileURLToPath(new URL('../skim/skim-module.ts', import.meta.url)),
    `/** Written by classifiers/training/write-skim.ts; do not edit. */\nexport const SKIM_MODULE = {\n  sha256: '${hash('sha256', bytes)}',\n  base64:\n    '${lines.join("' +\n    '")}',\n};\n`,
  );
}
