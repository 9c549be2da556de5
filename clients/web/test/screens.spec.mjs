// Every screen in both themes: no axe violation, nothing wider than the screen.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { equal, suite } from './browser.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const video = '01jd000000001';
const own = { id: '01jd000000990', owner: { id: '01jd000000900', display_name: 'Guest', handle: 'guest' }, visibility: 'public', title: '', caption: 'Turned down', hashtags: [], created_at_ms: Date.now() - 1e6, counts: { views: 0, likes: 0, shares: 0, avg_dwell_ms: 0 }, liked: false, saved: false, playback: null };
const OWN = [
  { ...own, status: 'encoding', progress_percent: 63, caption: 'On its way' },
  { ...own, id: '01jd000000991', status: 'rejected', verdict: { verdict: 'reject', reason: 'It shows a street sign.', decided_at_ms: 1, decided_by: 'moderator' } },
];

const SCREENS = {
  feed: ['/', '.slide[data-active] video[data-shown]'],
  'feed, empty': ['/', '.state', (s) => (s.feed = 'empty')],
  'feed, broken': ['/', '.state', (s) => (s.feed = 'broken')],
  'a shared video': [`/watch/${video}`, 'video[data-shown]'],
  'a missing video': ['/watch/nothere', '.state'],
  'a removed video': ['/watch/gone', '.state'],
  upload: ['/upload', '.pick'],
  'my videos': ['/me', '.tile', (s) => (s.own = structuredClone(OWN))],
  'my videos, empty': ['/me', '.state', (s) => (s.own = [])],
  'one of my videos': ['/me/videos/01jd000000990', '.steps', (s) => (s.own = structuredClone(OWN))],
  'a rejected video': ['/me/videos/01jd000000991', '.stopped', (s) => (s.own = structuredClone(OWN))],
  'a profile': ['/u/01jd000000501', '.tile'],
  'sign in': ['/signin', 'form'],
  register: ['/signin?new=1', 'form'],
  settings: ['/settings', '.device', (s) => (s.guest = false)],
  'review queue': ['/moderation', '.queue-card', (s) => (s.roles = ['viewer', 'moderator', 'operator'])],
  'review case': ['/moderation/01jd000000801', '.frame img', (s) => (s.roles = ['viewer', 'moderator', 'operator'])],
  'review case, nothing judged': ['/moderation/01jd000000802', '.frame img', (s) => (s.roles = ['viewer', 'moderator', 'operator'])],
  operations: ['/ops', '.promise', (s) => Object.assign(s, { roles: ['viewer', 'operator'], ops: 'red' })],
  'a wrong address': ['/nowhere', '.state'],
};

async function look(page, what) {
  await page.waitForTimeout(350);
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} (${n.any?.[0]?.message ?? n.all?.[0]?.message ?? v.help})`).slice(0, 3).join(' | ')}`);
  });
  equal(found, [], `${what}: axe`);
  const wider = (await page.evaluate(() => document.documentElement.scrollWidth)) - page.viewportSize().width;
  equal(wider <= 0, true, `${what}: ${wider} px wider than the screen`);
}

const steps = {};
for (const [name, [path, ready, setup]] of Object.entries(SCREENS)) {
  steps[name] = async ({ open, state }) => {
    for (const [viewport, dark] of [[{ width: 360, height: 640 }, true], [{ width: 1440, height: 900 }, false]]) {
      setup?.(state);
      const page = await open(path, { viewport, dark, bypassCSP: true });
      await page.locator(ready).first().waitFor({ state: 'attached' });
      await look(page, `${name} at ${viewport.width}`);
    }
  };
}
steps['the menu and the report'] = async ({ open }) => {
  const page = await open('/', { bypassCSP: true });
  await page.locator('.slide[data-active] [data-kind=more]').click();
  await look(page, 'menu');
  await page.getByRole('button', { name: 'Report' }).click();
  await look(page, 'report');
};
steps['the reject sheet'] = async ({ open, state }) => {
  state.roles = ['viewer', 'moderator'];
  const page = await open('/moderation/01jd000000801', { bypassCSP: true, dark: false });
  await page.getByRole('button', { name: 'Reject' }).click();
  await look(page, 'reject');
};
await suite(steps);
