/**
 * The one training script: `node classifiers/training/write-weights.ts [complexity] [topic] [tagger]` writes the
 * weights modules. Reads nothing but this folder and faker's name lists; seeded, so a second run writes the same bytes.
 */
import { writeFileSync } from 'node:fs';
import { gazetteerModule } from './gazetteers.ts';
import { weightsModule } from './logistic.ts';
import { trainTagger } from './train-tagger.ts';
import { trainComplexity } from './train-complexity.ts';

const SCRIPT = 'classifiers/training/write-weights.ts';
const MAKERS: Readonly<Record<string, () => void>> = {
  gazetteer: () => {
    write('../tagger/gazetteer-data.ts', gazetteerModule(SCRIPT));
  },
  tagger: () => {
    const weights = trainTagger({ seed: 20_261_123, rounds: 40, epochs: 3, bits: 16 });
    write('../tagger/weights.ts', weightsModule('TAGGER_WEIGHTS', SCRIPT, weights));
  },
  complexity: () => {
    const weights = trainComplexity(20_261_123, 24, 14);
    write('../complexity/weights.ts', weightsModule('COMPLEXITY_WEIGHTS', SCRIPT, weights));
  },
};

function write(path: string, text: string): void {
  writeFileSync(new URL(path, import.meta.url), text);
  console.log(`${path}: ${text.length} bytes`);
}

const asked = process.argv.slice(2);
for (const name of asked.length === 0 ? Object.keys(MAKERS) : asked) {
  const maker = MAKERS[name];
  if (maker === undefined) throw new Error(`no such model: ${name}`);
  maker();
}
