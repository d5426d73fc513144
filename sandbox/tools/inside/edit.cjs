// edit PATH, {old, new, all} as JSON on standard input. Works on bytes, so what is not UTF-8 around the edit survives.
// The new file takes the old one's place in one rename: a reader sees the old file or the new, and a failure changes nothing.
const fs = require('node:fs');
const { basename, dirname, join } = require('node:path');
const { randomBytes } = require('node:crypto');

const path = process.argv[1];

function fail(message) {
  process.stderr.write(`edit: ${message}\n`);
  process.exit(1);
}

function readTarget() {
  let target;
  try {
    target = fs.realpathSync(path);
  } catch {
    fail(`${path} does not exist in this sandbox. Use the write tool to make it.`);
  }
  const stat = fs.statSync(target);
  if (stat.isDirectory()) fail(`${path} is a directory.`);
  if (!stat.isFile()) fail(`${path} is not a regular file.`);
  try {
    return { target, mode: stat.mode & 0o777, bytes: fs.readFileSync(target) };
  } catch {
    return fail(`${path} may not be read.`);
  }
}

function positions(bytes, wanted) {
  const found = [];
  for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + wanted.length)) found.push(at);
  return found;
}

function lineOf(bytes, at) {
  let line = 1;
  for (let index = bytes.indexOf(10); index !== -1 && index < at; index = bytes.indexOf(10, index + 1)) line += 1;
  return line;
}

// Why a text that "is there" was not found: the two mistakes models make are line ends and indentation.
function whyNotFound(bytes, wanted) {
  const text = bytes.toString('utf8');
  if (text.includes('\r\n') && !wanted.includes('\r\n') && text.replaceAll('\r\n', '\n').includes(wanted))
    return 'The file ends its lines with CRLF and old with LF: write \\r\\n in old and new.';
  const squeeze = (value) => value.replaceAll(/[ \t]+/g, ' ').trim();
  if (squeeze(text).includes(squeeze(wanted)))
    return 'It is there with different white space: read the file and copy the text exactly.';
  const first = wanted.split('\n').find((line) => line.trim() !== '');
  const line = first === undefined ? -1 : text.split('\n').findIndex((candidate) => candidate.includes(first.trim()));
  if (line !== -1) return `Its first line is like line ${line + 1}, what follows differs: read the file again.`;
  return 'Read the file first; it may have changed.';
}

const edit = JSON.parse(fs.readFileSync(0, 'utf8'));
const { target, mode, bytes } = readTarget();
const wanted = Buffer.from(edit.old, 'utf8');
const found = positions(bytes, wanted);
if (found.length === 0) fail(`old was not found in ${path}. Nothing was changed. ${whyNotFound(bytes, edit.old)}`);
if (found.length > 1 && !edit.all) {
  const lines = found.slice(0, 10).map((at) => lineOf(bytes, at));
  fail(
    `old occurs ${found.length} times in ${path} (lines ${lines.join(', ')}${found.length > 10 ? ', ...' : ''}). Nothing was changed. Add lines around it until it is unique, or set all.`,
  );
}

const pieces = [];
let from = 0;
for (const at of found) {
  pieces.push(bytes.subarray(from, at), Buffer.from(edit.new, 'utf8'));
  from = at + wanted.length;
}
pieces.push(bytes.subarray(from));

const temporary = join(dirname(target), `.${basename(target).slice(0, 80)}.${randomBytes(6).toString('hex')}`);
try {
  fs.writeFileSync(temporary, Buffer.concat(pieces), { flag: 'wx', mode });
  fs.chmodSync(temporary, mode);
  fs.renameSync(temporary, target);
} catch (error) {
  fs.rmSync(temporary, { force: true });
  fail(
    error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EFBIG'
      ? `${path} was not changed: there is no room for it.`
      : `${path} was not changed: it cannot be written here (${error.code}).`,
  );
}
process.stdout.write(
  `Edited ${path}: ${found.length} ${found.length === 1 ? 'place' : 'places'}, first at line ${lineOf(bytes, found[0])}.\n`,
);
