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
