// Starts Chromium and the mock server for one test file.
import { chromium } from 'playwright-core';
import { makeServer } from './mock-server.mjs';

export const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--mute-audio'];
export const PHONE = { width: 390, height: 844 };

export async function start() {
  const { server, state } = makeServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
  const errors = [];
  async function open(path, { viewport = PHONE, dark = true, touch = viewport.width < 700, ...more } = {}) {
    const context = await browser.newContext({ viewport, colorScheme: dark ? 'dark' : 'light', hasTouch: touch, isMobile: touch, serviceWorkers: 'block', ...more });
    const page = await context.newPage();
    page.on('pageerror', (e) => errors.push(`${path}: ${e.message}`));
    page.on('console', (m) => m.type() === 'error' && !/Failed to load resource|net::ERR/.test(m.text()) && errors.push(`${path}: ${m.text()}`));
    await page.goto(origin + path);
    return page;
  }
  const stop = async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  };
  return { origin, state, browser, open, stop, errors };
}

/** Waits until `check` answers something true. */
export async function until(check, what, timeoutMs = 10_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

/** Runs named steps and ends the process with their verdict. */
export async function suite(steps) {
  const t = await start();
  let failed = 0;
  for (const [name, step] of Object.entries(steps)) {
    const before = t.errors.length;
    try {
      await step(t);
      const fresh = t.errors.slice(before);
      if (fresh.length) throw new Error(`the page complained:\n  ${fresh.join('\n  ')}`);
      console.log(`  ok    ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`  FAIL  ${name}\n        ${error.stack ?? error}`);
    }
    for (const context of t.browser.contexts()) await context.close();
    Object.assign(t.state, { feed: 'normal', delay_ms: 0, media: 'ok', media_delay_ms: 0, refuse_likes: false, published: 9, offlineParts: false, part_delay_ms: 0, roles: ['viewer'], guest: true, name: 'Guest', ops: 'ok', demo: null });
  }
  await t.stop();
  process.exit(failed ? 1 : 0);
}

export function equal(actual, expected, what) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

export function holds(value, what) {
  if (!value) throw new Error(what);
}

/** What the video on the screen is doing. */
export const playing = (page) =>
  page.evaluate(() => {
    const video = document.querySelector('.slide[data-active] video');
    return video && { id: video.closest('article').dataset.video, t: video.currentTime, shown: video.dataset.shown === 'true', paused: video.paused, muted: video.muted };
  });

export const plays = (page, id) =>
  until(async () => {
    const now = await playing(page);
    return now && now.shown && !now.paused && now.t > 0.1 && (!id || now.id === id) && now;
  }, `video ${id ?? ''} plays`);
