import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equal, holds, suite, until } from './browser.mjs';
import { clips } from './mock-media.mjs';

const [clip] = clips();
const small = join(clip.dir, '540/all.mp4');
/** A real video with padding behind it, so that it has several parts. */
const MIB = 1024 * 1024;
const big = join(clip.dir, 'big.mp4');
const { readFileSync } = await import('node:fs');
writeFileSync(big, Buffer.concat([readFileSync(small), Buffer.alloc(17 * MIB, 7)]));

const pick = (page, file) => page.locator('input[type=file]').first().setInputFiles(file);
const latest = (state) => [...state.uploads.values()].at(-1);

await suite({
  'a file is checked before its first byte': async ({ open, state }) => {
    const page = await open('/upload');
    await pick(page, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') });
    await page.getByText('does not look like a video').waitFor();
    await pick(page, { name: 'empty.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(0) });
    await page.getByText('is empty').waitFor();
    equal(state.uploads.size, 0, 'uploads started');
  },

  'pick, trim, cover, words, post; then it goes live before one’s eyes': async ({ open, state }) => {
    const page = await open('/upload');
    await pick(page, small);
    const start = page.getByRole('slider', { name: 'Start' });
    await start.waitFor();
    await start.focus();
    for (let i = 0; i < 2; i++) await page.keyboard.press('PageUp');
    await page.getByRole('slider', { name: 'Moment of the cover' }).fill('4000');
    await page.getByLabel('Caption').fill('First light #Meadow #slow');
    await page.getByText('With the link').click();
    await page.getByRole('button', { name: 'Post' }).click();
    await until(() => latest(state)?.status === 'completed', 'the upload is complete');
    const { request } = latest(state);
    equal(request.transform, { trim_start_ms: 2000, cover_at_ms: 2000 }, 'transform');
    equal(request.hashtags, ['meadow', 'slow'], 'hashtags');
    equal(request.visibility, 'unlisted', 'visibility');
    await page.getByRole('link', { name: 'You', exact: true }).click();
    await page.getByRole('link', { name: /First light.*Live/ }).waitFor({ timeout: 15_000 });
  },

  'parts go up side by side; a lost network is waited for': async ({ open, state }) => {
    const page = await open('/upload');
    await pick(page, big);
    await page.getByRole('slider', { name: 'Start' }).waitFor();
    state.part_delay_ms = 300;
    state.offlineParts = true;
    await page.getByRole('button', { name: 'Post' }).click();
    await page.getByText('Waiting for the network').waitFor();
    await page.goto(`${page.url().split('/').slice(0, 3).join('/')}/`).catch(() => undefined);
    // The page was left on purpose: what is kept offers to continue.
    await page.getByText('Continue “big.mp4”?').waitFor();
    await page.getByRole('button', { name: 'Continue', exact: true }).click();
    await page.getByText('Waiting for the network').waitFor();
    state.offlineParts = false;
    await until(() => latest(state)?.status === 'completed', 'the upload is complete', 30_000);
    equal([...latest(state).parts.keys()].sort(), [1, 2, 3, 4], 'parts');
    equal([...latest(state).parts.values()].reduce((a, b) => a + b, 0), latest(state).size_bytes, 'bytes');
  },

  'pause holds it, continue finishes it, and only missing parts are sent': async ({ open, state }) => {
    const page = await open('/upload');
    await pick(page, big);
    await page.getByRole('slider', { name: 'Start' }).waitFor();
    state.part_delay_ms = 700;
    await page.getByRole('button', { name: 'Post' }).click();
    await until(() => latest(state)?.status === 'open', 'started');
    await page.getByRole('link', { name: 'You', exact: true }).click();
    await page.getByRole('button', { name: 'Pause upload' }).click();
    await page.getByText(/Paused ·/).waitFor();
    const held = latest(state).parts.size;
    await page.waitForTimeout(1200);
    holds(latest(state).parts.size <= held + 3, 'nothing new starts while paused');
    await page.getByRole('button', { name: 'Continue upload' }).click();
    await until(() => latest(state)?.status === 'completed', 'complete', 30_000);
  },

  'a cancelled upload is told to the server': async ({ open, state }) => {
    const page = await open('/upload');
    await pick(page, big);
    await page.getByRole('slider', { name: 'Start' }).waitFor();
    state.part_delay_ms = 1500;
    await page.getByRole('button', { name: 'Post' }).click();
    await until(() => latest(state)?.status === 'open', 'started');
    await page.getByRole('link', { name: 'You', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel upload' }).click();
    await until(() => latest(state)?.status === 'aborted', 'aborted');
  },

  'a draft outlives a reload': async ({ open }) => {
    const page = await open('/upload');
    await pick(page, small);
    await page.getByLabel('Caption').fill('Half a thought');
    await page.reload();
    await page.getByText('Your draft for').waitFor();
    equal(await page.getByLabel('Caption').inputValue(), 'Half a thought', 'caption');
  },

  'delete with undo, edit, appeal and retry': async ({ open, state }) => {
    const base = state.own[0] ?? { id: '01jd000000999' };
    state.own = [
      { ...base, id: '01jd000000990', caption: 'Turned down', status: 'rejected', playback: null, verdict: { verdict: 'reject', reason: 'It shows a street sign with a name.', reason_code: 'other', decided_at_ms: Date.now(), decided_by: 'moderator' } },
      { ...base, id: '01jd000000991', caption: 'Broken', status: 'failed', playback: null, failure: { code: 'internal.gave_up', message: 'We could not finish it.', retryable: true } },
    ];
    const page = await open('/me');
    await page.getByRole('link', { name: /Turned down, Not published/ }).click();
    await page.getByText('It shows a street sign').waitFor();
    await page.getByRole('button', { name: 'Ask for another look' }).click();
    await page.getByRole('textbox', { name: 'Ask for another look' }).fill('The sign is mine.');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('A person is taking a look').first().waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Video restored.').waitFor();
    await page.goto(`${page.url().split('/').slice(0, 3).join('/')}/me/videos/01jd000000991`);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('Live', { exact: true }).first().waitFor({ timeout: 15_000 });
  },
});
