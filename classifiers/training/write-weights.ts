/**
 * The one training script: `node classifiers/training/write-weights.ts [complexity] [topic] [tagger]` writes the
 * weights modules. Reads nothing but this folder and faker's name lists; seeded, so a second run writes the same bytes.
 */
import { writeFileSync } from 'node:fs';
import { gazetteerModule } from './gazetteers.ts';
import { weightsModule } from './logistic.ts';
import { measureComplexity, measureTagger } from './measure.ts';
import { TAGGER_TRAINING, trainTagger } from './train-tagger.ts';
import { COMPLEXITY_TRAINING, trainComplexity } from './train-complexity.ts';

const SCRIPT = 'classifiers/training/write-weights.ts';
const MAKERS: Readonly<Record<string, () => void>> = {
  gazetteer: () => {
    write('../tagger/gazetteer-data.ts', gazetteerModule(SCRIPT));
  },
  tagger: () => {
    const weights = trainTagger(TAGGER_TRAINING);
    write('../tagger/weights.ts', weightsModule('TAGGER_WEIGHTS', SCRIPT, weights));
    console.log(measureTagger(weights));
  },
  complexity: () => {
    const weights = trainComplexity(...COMPLEXITY_TRAINING);
    write('../complexity/weights.ts', weightsModule('COMPLEXITY_WEIGHTS', SCRIPT, weights));
    console.log(measureComplexity(weights));
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
