// The whole product as a person uses it: a phone-sized Chromium uploads a real clip, an operator approves it
// in the console, it plays (frames decoded, time advances), is swiped and liked, and is still there after a
// restart. Fails with a sentence; screenshots go to $SHOTS when that is set.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, binary, browse, freePort, report, sampleClip, walk } from './steps.mjs';

async function up(data, port, s3) {
  const child = spawn(binary, ['--json', 'up', '--port', port, '--s3-port', s3, '--data-dir', data], {
    env: { ...process.env, SIGNAL_LOG__FILTER: process.env.E2E_LOG ?? 'warn', SIGNAL_OBJECTS__RESERVE_MIB: '16', SIGNAL_MODERATION__CLASSIFIER: 'none:' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const greeting = await new Promise((done, fail) => {
    let text = '';
    const timer = setTimeout(() => fail(new Error('signal up said nothing in 30 s')), 30_000);
    child.stdout.on('data', (bytes) => {
      text += bytes;
      const line = text.split('\n').find((l) => l.startsWith('{'));
      if (line) {
        clearTimeout(timer);
        done(JSON.parse(line));
      }
    });
    child.on('exit', (code) => fail(new Error(`signal up ended with ${code}`)));
  });
  return { child, ...greeting };
}

const down = (house) =>
  new Promise((done) => {
    house.child.removeAllListeners('exit');
    house.child.on('exit', done);
    house.child.kill('SIGTERM');
  });

async function main() {
  const data = mkdtempSync(join(tmpdir(), 'signal-walk-'));
  const problems = [];
  const [port, s3] = [String(await freePort()), String(await freePort())];
  const clip = await sampleClip(data);
  let house = await up(join(data, 'house'), port, s3);
  const browser = await browse();
  try {
    await walk({ browser, data, port, s3, clip, problems, house: () => house, restart: async () => {
      await down(house);
      house = await up(join(data, 'house'), port, s3);
    } });
    assert(problems.length === 0, `the browser complained:\n${problems.join('\n')}`);
  } finally {
    await browser.close();
    await down(house);
    rmSync(data, { recursive: true, force: true });
  }
}

report(main);
