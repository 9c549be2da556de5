// The steps of a person through the product, for whichever processes stand behind the address.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');
const require = createRequire(join(root, 'clients/web/package.json'));
const { chromium } = require('playwright-core');

export const binary = process.env.SIGNAL_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/signal');
export const shared = process.env.SIGNAL_SHARED ?? resolve(root, '../shared');
const shots = process.env.SHOTS;
const PUBLISH_WAIT_MS = Number(process.env.E2E_WAIT_S ?? 120) * 1000;

let passed = 0;
/** What else happens while a step runs; a launcher may put something here. */
export const meanwhile = new Map();

async function step(name, run) {
  const started = Date.now();
  meanwhile.get(name)?.();
  await run();
  passed += 1;
  console.log(`  ok ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

export function assert(good, said) {
  if (!good) throw new Error(said);
}

export const freePort = () =>
  new Promise((done, fail) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
    server.on('error', fail);
  });

export function sampleClip(data) {
  const natural = join(shared, 'media/natural/nail_portrait_1080x1916_30fps.mp4');
  if (existsSync(natural)) return Promise.resolve(natural);
  console.log('  note: no shared media, a drawn clip stands in for the phone clip');
  const file = join(data, 'drawn.mp4');
  return new Promise((done, fail) => {
    const args = ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=s=720x1280:r=30', '-t', '6', '-pix_fmt', 'yuv420p', file];
    spawn('ffmpeg', args, { stdio: 'inherit' }).on('exit', (code) => (code ? fail(new Error('ffmpeg failed')) : done(file)));
  });
}

async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`) });
}

/** Watches a page for what nobody should see. */
function watch(page, problems) {
  page.on('pageerror', (e) => problems.push(`page error: ${e.message}`));
  page.on('console', (m) => {
    if (m.type() === 'error' && !/favicon|net::ERR_(ABORTED|CONNECTION_REFUSED|INTERNET)|Failed to load resource|WebSocket connection/.test(m.text())) {
      problems.push(`console: ${m.text()}`);
    }
  });
}

const playing = (page) =>
  page.evaluate(() => {
    const videos = [...document.querySelectorAll('video')].filter((v) => {
      const box = v.getBoundingClientRect();
      return box.top < innerHeight / 2 && box.bottom > innerHeight / 2 && box.width > 0;
    });
    const v = videos.find((x) => !x.paused) ?? videos[0];
    if (!v) return null;
    const q = v.getVideoPlaybackQuality();
    return { t: v.currentTime, frames: q.totalVideoFrames, dropped: q.droppedVideoFrames, w: v.videoWidth, h: v.videoHeight, paused: v.paused };
  });

async function plays(page) {
  const deadline = Date.now() + 20_000;
  let first = null;
  for (;;) {
    const now = await playing(page);
    if (now && now.frames > 0 && !now.paused) {
      if (first && now.t > first.t && now.frames > first.frames + 5) return now;
      first ??= now;
    }
    if (Date.now() > deadline) await shot(page, 'failed-to-play');
    assert(Date.now() < deadline, `no video plays: ${JSON.stringify(now)}`);
    await page.waitForTimeout(250);
  }
}

export const browse = () =>
  chromium.launch({
    executablePath: ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync),
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--mute-audio'],
  });

export async function walk({ browser, clip, problems, house, restart }) {
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
  const url = house().url;
  const owner = await (await browser.newContext(phone)).newPage();
  const desk = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  watch(owner, problems);
  watch(desk, problems);
  let videoId = null;

  await step('a newcomer sees a kind empty feed', async () => {
    await owner.goto(url);
    await owner.getByText('Nothing to watch yet').waitFor({ timeout: 15_000 });
    await shot(owner, '01-empty-feed');
  });
  await step('a clip is picked and posted', async () => {
    await owner.goto(`${url}/upload`);
    await owner.locator('input[type=file]').first().setInputFiles(clip);
    await owner.getByRole('button', { name: 'Post', exact: true }).waitFor({ timeout: 20_000 });
    await owner.getByLabel('Caption', { exact: false }).first().fill('Fresh paint #nails #test');
    await shot(owner, '02-upload-details');
    const completed = owner.waitForResponse((r) => /\/v1\/uploads\/[^/]+\/complete$/.test(r.url()) && r.ok(), { timeout: 60_000 });
    await owner.getByRole('button', { name: 'Post', exact: true }).click();
    videoId = (await (await completed).json()).video_id;
    await shot(owner, '03-uploading');
  });
  await step('its status changes live until a person is asked', async () => {
    await owner.goto(`${url}/me`);
    await owner.getByText('In review').first().waitFor({ timeout: PUBLISH_WAIT_MS });
    await shot(owner, '04-in-review');
  });
  await step('the operator link opens the console', async () => {
    await desk.goto(house().operator_link);
    await desk.waitForURL((u) => !u.pathname.startsWith('/operator'), { timeout: 15_000 });
    await desk.goto(`${url}/moderation`);
    await desk.getByRole('button', { name: 'Approve' }).first().waitFor({ timeout: 20_000 });
    await shot(desk, '05-moderation');
  });
  await step('a moderator approves and the owner sees it go live without a reload', async () => {
    await desk.waitForTimeout(1000);
    await shot(desk, '05b-frames');
    const decided = desk.waitForResponse((r) => r.url().endsWith('/decision'), { timeout: 10_000 });
    await desk.getByRole('button', { name: 'Approve' }).first().click();
    const reply = await decided;
    assert(reply.ok(), `the decision was refused: ${reply.status()} ${await reply.text()}`);
    await owner.getByRole('link', { name: /, Live/ }).first().waitFor({ timeout: PUBLISH_WAIT_MS });
    await shot(owner, '06-live');
  });
  const viewer = await (await browser.newContext(phone)).newPage();
  watch(viewer, problems);
  await step('a stranger sees it in the feed and it plays', async () => {
    await viewer.goto(url);
    const state = await plays(viewer);
    assert(state.h > state.w, `a portrait clip plays as ${state.w}x${state.h}`);
    await shot(viewer, '07-feed-playing');
  });
  await step('it is liked, and the like is counted', async () => {
    await viewer.getByRole('button', { name: /^Like/ }).first().click();
    await viewer.getByRole('button', { name: /^Like, 1 like/ }).first().waitFor({ timeout: 10_000 });
    await shot(viewer, '08-liked');
  });
  await step('demo videos come and the feed swipes to the next one', async () => {
    const session = await desk.evaluate(async () => (await fetch('/v1/config')).json());
    assert(session.demo_enabled !== false, 'the demo is off');
    await runDemo(desk, url);
    const swiper = await (await browser.newContext(phone)).newPage();
    watch(swiper, problems);
    await swiper.goto(url);
    const first = await plays(swiper);
    await swiper.keyboard.press('ArrowDown');
    await swiper.waitForTimeout(900);
    const second = await plays(swiper);
    assert(first.frames > 0 && second.frames > 0, 'one of two videos did not play');
    await shot(swiper, '09-swiped');
    await swiper.close();
  });
  await step('after a restart everything is still there', async () => {
    const likes = () => owner.evaluate(async (id) => (await (await fetch(`/v1/videos/${id}`)).json()).counts?.likes, videoId);
    const before = await likes();
    assert(before >= 1, `the like is gone before the restart: ${before}`);
    await restart();
    await owner.goto(`${url}/me`);
    await owner.getByRole('link', { name: /, Live/ }).first().waitFor({ timeout: 20_000 });
    const after = await likes();
    assert(after === before, `there were ${before} likes, now there are ${after}`);
    await viewer.goto(`${url}/watch/${videoId}`);
    await plays(viewer);
    await shot(viewer, '10-after-restart');
  });
  await step('the operations page says that all is well', async () => {
    await desk.goto(`${url}/ops`);
    await desk.waitForTimeout(1500);
    await shot(desk, '11-ops');
    const verdict = await desk.locator('.verdict').first().innerText();
    assert(verdict.trim() === 'All is well', `it says: ${verdict}`);
  });
}

/** Presses the empty feed's button through the API, as that button does, and waits until two are live. */
async function runDemo(page, url) {
  await page.goto(url);
  const token = await page.evaluate(async () => {
    const store = Object.keys(localStorage).map((k) => localStorage.getItem(k)).map((t) => { try { return JSON.parse(t); } catch { return null; } });
    return store.find((v) => v && v.access_token)?.access_token ?? null;
  });
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const started = await fetch(`${url}/v1/demo`, { method: 'POST', headers, body: JSON.stringify({ videos: 3, viewers: 1 }) });
  assert(started.ok, `the demo was refused: ${started.status} ${await started.text()}`);
  const deadline = Date.now() + PUBLISH_WAIT_MS;
  for (;;) {
    const progress = await (await fetch(`${url}/v1/demo`, { headers })).json();
    if (!progress.running && progress.published >= 3) return;
    assert(progress.running, `the demo stopped: ${progress.message}`);
    assert(Date.now() < deadline, `the demo is not done: ${JSON.stringify(progress)}`);
    await new Promise((r) => setTimeout(r, 500));
  }
}

/** Runs `main`, says how it went, and ends. */
export function report(main) {
  main().then(
    () => console.log(`${passed} passed, 0 failed`),
    (e) => {
      console.error(`FAILED after ${passed} steps: ${e.stack ?? e}`);
      console.log(`${passed} passed, 1 failed`);
      process.exit(1);
    },
  );
}
