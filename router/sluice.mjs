#!/usr/bin/env node
/**
 * What `sluice` starts. A checkout runs the sources as they are; an installed package runs what was compiled of them, because Node strips no
 * types below node_modules. Plain JavaScript, so that a Node that is too old gets a sentence instead of a syntax error.
 */
import { existsSync } from 'node:fs';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(`sluice needs Node 24 or newer; this is ${process.versions.node}\n`);
  process.exit(2);
}
const compiled = new URL('../dist/router/main.js', import.meta.url);
const sources = new URL('./main.ts', import.meta.url);
await import((existsSync(sources) ? sources : compiled).href);
