// Fails when the shell (what must arrive before the player) outgrows its budget.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGET_BYTES = 90 * 1024;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

const gz = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
const kb = (n) => `${(n / 1024).toFixed(1)} KB`;

const shell = new Set(['index.html']);
const visit = (key) => {
  const chunk = manifest[key];
  if (!chunk || shell.has(chunk.file)) return;
  shell.add(chunk.file);
  for (const css of chunk.css ?? []) shell.add(css);
  for (const next of chunk.imports ?? []) visit(next);
};
visit('index.html');

let total = 0;
for (const file of shell) {
  const size = gz(file);
  total += size;
  console.log(`shell  ${kb(size).padStart(10)}  ${file}`);
}
const rest = new Set(Object.values(manifest).flatMap((c) => [c.file, ...(c.css ?? [])]));
for (const file of [...rest].filter((f) => !shell.has(f)).sort()) console.log(`lazy   ${kb(gz(file)).padStart(10)}  ${file}`);

const verdict = total <= BUDGET_BYTES ? 'PASS' : 'FAIL';
console.log(`RESULT web_shell_gzip value=${total} unit=bytes target<=${BUDGET_BYTES} ${verdict}`);
process.exit(verdict === 'PASS' ? 0 : 1);
