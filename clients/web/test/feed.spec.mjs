import { equal, holds, playing, plays, suite, until } from './browser.mjs';

const swipe = (page, by = 1) => page.evaluate((n) => document.querySelector('.feed-scroll').scrollBy({ top: n * innerHeight, behavior: 'smooth' }), by);
const id = (n) => `01jd${String(n).padStart(9, '0')}`;

await suite({
  'plays the first video muted, with sound one tap away': async ({ open }) => {
    const page = await open('/');
    const now = await plays(page, id(0));
    holds(now.muted, 'autoplay starts muted');
    await page.getByRole('button', { name: 'Tap for sound' }).tap();
    await until(async () => !(await playing(page)).muted, 'sound is on');
    equal(await page.evaluate(() => localStorage.getItem('signal.sound')), 'true', 'the choice is remembered');
  },

  'swipes to a video that was loaded ahead, with three players at most': async ({ open, state }) => {
    const page = await open('/');
    await plays(page, id(0));
    await until(() => page.evaluate(() => document.querySelectorAll('video[data-shown]').length >= 2), 'the next video is primed');
    for (let n = 1; n < 5; n++) {
      await swipe(page);
      await plays(page, id(n));
    }
    equal(await page.evaluate(() => document.querySelectorAll('video').length), 3, 'players');
    await until(() => state.events.filter((e) => e.type === 'first_frame').length >= 3, 'first frames are told');
    holds(state.events.some((e) => e.type === 'first_frame' && e.preload_hit && e.value_ms === 0), 'a swipe met a primed video');
    holds(state.events.every((e) => e.seq > 0), 'events are numbered');
  },

  'tap pauses, double tap likes without pausing': async ({ open, state }) => {
    const page = await open('/');
    await plays(page, id(0));
    const surface = page.locator('.slide[data-active] .slide-surface');
    await surface.tap({ position: { x: 150, y: 300 } });
    await until(async () => (await playing(page)).paused, 'paused');
    await page.waitForTimeout(400);
    await surface.tap({ position: { x: 150, y: 300 } });
    await until(async () => !(await playing(page)).paused, 'plays again');
    await page.waitForTimeout(400);
    await surface.dblclick({ position: { x: 150, y: 300 } });
    await until(() => state.likes.has(id(0)), 'liked');
    holds(!(await playing(page)).paused, 'still playing');
    state.likes.clear();
  },

  'a refused like is taken back with a word': async ({ open, state }) => {
    state.refuse_likes = true;
    const page = await open('/');
    await plays(page, id(0));
    const like = page.locator('.slide[data-active] [data-kind=like]');
    await like.tap();
    await page.getByText('Your like could not be saved.').waitFor();
    equal(await like.getAttribute('aria-pressed'), 'false', 'heart');
  },

  'keys do what the list says': async ({ open }) => {
    const page = await open('/', { viewport: { width: 1440, height: 900 } });
    await plays(page, id(0));
    await page.keyboard.press('j');
    await plays(page, id(1));
    await page.keyboard.press('ArrowUp');
    await plays(page, id(0));
    await page.keyboard.press(' ');
    await until(async () => (await playing(page)).paused, 'space pauses');
    await page.keyboard.press('m');
    await until(async () => !(await playing(page)).muted, 'M turns sound on');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  },

  'scrubbing shows where it leads and release seeks': async ({ open }) => {
    const page = await open('/');
    await plays(page, id(0));
    const box = await page.locator('.slide[data-active] .scrubber').boundingBox();
    await page.mouse.move(box.x + 40, box.y + 12);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 12, { steps: 6 });
    await page.locator('.scrub-tile').waitFor();
    await page.mouse.up();
    await until(async () => (await playing(page)).t > 5.5, 'sought');
  },

  'the menu hides a creator and explains why': async ({ open }) => {
    const page = await open('/');
    await plays(page, id(0));
    await page.locator('.slide[data-active] [data-kind=more]').tap();
    await page.getByRole('button', { name: 'Why this video' }).tap();
    await page.getByText('It is new, and people').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.slide[data-active] [data-kind=more]').tap();
    await page.getByRole('button', { name: 'Hide Ada Meadow' }).tap();
    await plays(page, id(1));
  },

  'the end is kind': async ({ open, state }) => {
    state.published = 3;
    const page = await open('/');
    await plays(page, id(0));
    for (let n = 0; n < 3; n++) {
      await swipe(page);
      await page.waitForTimeout(700);
    }
    await page.getByRole('heading', { name: 'You have seen everything' }).waitFor();
    await page.getByRole('button', { name: 'Watch again from the oldest' }).tap();
    await plays(page);
  },

  'an empty feed fills itself with demo videos': async ({ open, state }) => {
    state.feed = 'empty';
    const page = await open('/');
    await page.getByRole('button', { name: 'Fill with demo videos' }).tap();
    await page.getByRole('progressbar').waitFor();
    await plays(page, id(0));
  },

  'a broken feed says so and recovers': async ({ open, state }) => {
    state.feed = 'broken';
    const page = await open('/');
    await page.getByRole('heading', { name: 'The feed could not be loaded' }).waitFor();
    state.feed = 'normal';
    await page.getByRole('button', { name: 'Try again' }).tap();
    await plays(page, id(0));
  },

  'a video that cannot load says so, the next one still plays': async ({ open, state }) => {
    state.media = 'broken';
    const page = await open('/');
    await page.getByRole('heading', { name: 'This video cannot play right now' }).waitFor({ timeout: 30_000 });
    state.media = 'ok';
    await page.getByRole('button', { name: 'Try again' }).tap();
    await plays(page, id(0));
  },

  'the place is kept over a reload, and leaving the feed pauses it': async ({ open }) => {
    const page = await open('/');
    await plays(page, id(0));
    await swipe(page);
    await plays(page, id(1));
    await swipe(page);
    await plays(page, id(2));
    await page.reload();
    await plays(page, id(2));
    await page.getByRole('link', { name: 'You', exact: true }).tap();
    await page.getByRole('tablist').waitFor();
    holds(await page.evaluate(() => [...document.querySelectorAll('video')].every((v) => v.paused)), 'everything is paused');
    await page.getByRole('link', { name: 'For you' }).tap();
    await plays(page, id(2));
  },

  'what was watched is told when the page goes': async ({ open, state }) => {
    state.events.length = 0;
    const page = await open('/');
    await plays(page, id(0));
    await page.waitForTimeout(2600);
    await page.goto('about:blank');
    await until(() => state.events.some((e) => e.type === 'dwell' && e.dwell_ms >= 2000 && e.video_id === id(0)), 'dwell of two seconds is told');
  },
});
