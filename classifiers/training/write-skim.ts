/** Compiles classifiers/skim/*.as into modules of base64: `node classifiers/training/write-skim.ts`. A test holds the two together. */
import { hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const MODULES = ['skim', 'digest'] as const;
const OPTIONS = ['--runtime', 'stub', '--optimizeLevel', '3', '--noAssert', '--enable', 'simd', '--importMemory'];

const pathOf = (file: string): string => fileURLToPath(new URL(`../skim/${file}`, import.meta.url));

/** compileSkim returns the bytes of a module; throws what the compiler says. */
export async function compileSkim(name: (typeof MODULES)[number] = 'skim'): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await asc.main([`${name}.ts`, '--outFile', `${name}.wasm`, ...OPTIONS], {
    readFile: (file) => (file === `${name}.ts` ? readFileSync(pathOf(`${name}.as`), 'utf8') : null),
    writeFile: (_name, contents) => void (bytes = typeof contents === 'string' ? undefined : contents),
    listFiles: () => [],
  });
  if (error || bytes === undefined) throw new Error(`the module does not compile: ${stderr.toString()}`);
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of MODULES) {
    const bytes = await compileSkim(name);
    const lines =
      Buffer.from(bytes)
        .toString('base64')
        .match(/.{1,110}/g) ?? [];
    writeFileSync(
      pathOf(`${name}-module.ts`),
      `/** Written by classifiers/training/write-skim.ts; do not edit. */\nexport const ${name.toUpperCase()}_MODULE = {\n  sha256: '${hash('sha256', bytes)}',\n  base64:\n    '${lines.join("' +\n    '")}',\n};\n`,
    );
  }
}
