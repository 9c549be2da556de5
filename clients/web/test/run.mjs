// Runs every browser test, one after another, each in its own process.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
if (!existsSync(process.env.CHROMIUM ?? '/usr/bin/chromium')) {
  console.log('skipped: no Chromium at /usr/bin/chromium (set CHROMIUM)');
  process.exit(0);
}
const dist = process.env.SIGNAL_WEB_DIST ?? fileURLToPath(new URL('../dist/', import.meta.url));
if (!existsSync(`${dist}/index.html`)) {
  console.error('build first: npm run build');
  process.exit(1);
}
const only = process.argv[2];
let failed = 0;
for (const spec of readdirSync(here).filter((f) => f.endsWith('.spec.mjs') && (!only || f.includes(only))).sort()) {
  console.log(`\n${spec}`);
  if (spawnSync(process.execPath, [here + spec], { stdio: 'inherit' }).status !== 0) failed += 1;
}
process.exit(failed ? 1 : 0);
