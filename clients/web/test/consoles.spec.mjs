import { equal, suite, until } from './browser.mjs';

const DESK = { viewport: { width: 1440, height: 900 }, dark: false };

await suite({
  'the operator link signs in and leaves no code in the address': async ({ open }) => {
    for (const path of ['/operator#code=good', '/#/operator?code=good']) {
      const page = await open(path, DESK);
      await page.getByRole('heading', { name: 'Operations' }).waitFor();
      equal(new URL(page.url()).href.includes('good'), false, 'code in the address');
    }
    const page = await open('/operator#code=used');
    await page.getByRole('heading', { name: 'This link does not work any more' }).waitFor();
  },

  'consoles are closed to viewers': async ({ open }) => {
    await (await open('/moderation')).getByRole('heading', { name: 'For moderators' }).waitFor();
    await (await open('/ops')).getByRole('heading', { name: 'For operators' }).waitFor();
  },

  'a moderator decides by keys and takes a decision back': async ({ open, state }) => {
    state.roles = ['viewer', 'moderator'];
    const page = await open('/moderation', DESK);
    await page.locator('.frame').first().waitFor();
    const first = state.cases[0].id;
    await page.keyboard.press('a');
    await until(() => state.decided.at(-1)?.id === first, 'approved');
    await page.keyboard.press('u');
    await until(() => state.cases.some((c) => c.id === first), 'taken back');
    await page.locator('.frame').first().waitFor();
    await page.keyboard.press('j');
    await until(() => page.evaluate((id) => !location.pathname.endsWith(id), first), 'moved on');
    await page.locator('.frame').first().waitFor();
    await page.keyboard.press('r');
    await page.getByRole('dialog').getByLabel('Reason').selectOption('other');
    await page.getByLabel('What the owner will read').fill('Please blur the sign.');
    await page.getByRole('button', { name: 'Reject the video' }).click();
    await until(() => state.decided.length === 1, 'rejected');
  },

  'frames are blurred until focused, and play from their time': async ({ open, state }) => {
    state.roles = ['viewer', 'moderator'];
    const page = await open('/moderation', DESK);
    const frame = page.locator('.frame').nth(3);
    await frame.locator('img').waitFor();
    const filter = () => frame.locator('img').evaluate((x) => getComputedStyle(x).filter);
    equal((await filter()).includes('blur'), true, 'blurred');
    await frame.hover();
    await until(async () => (await filter()) === 'none', 'clear');
    await frame.click();
    await until(() => page.evaluate(() => (document.querySelector('video.source')?.currentTime ?? 0) > 3), 'plays from there');
  },

  'a dead letter is run again': async ({ open, state }) => {
    state.roles = ['viewer', 'operator'];
    const page = await open('/ops', DESK);
    await page.getByText('moov atom not found').waitFor();
    await page.getByRole('button', { name: /Run again: transcode.encode/ }).first().click();
    await page.getByText('Queued again.').waitFor();
    await page.locator('.chart canvas').first().waitFor({ timeout: 15_000 });
  },

  'accounts: wrong password, taken e-mail, upgrade, sign out': async ({ open }) => {
    const page = await open('/signin');
    await page.getByLabel('E-mail').fill('noor@example.org');
    await page.getByLabel('Password', { exact: true }).fill('nope');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('do not go together').waitFor();
    await page.getByRole('link', { name: /Create an account/ }).click();
    await page.getByLabel('Name').fill('Noor');
    await page.getByLabel('E-mail').fill('taken@example.org');
    await page.getByLabel('Password', { exact: true }).fill('a long enough one');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('already an account').waitFor();
    await page.getByLabel('E-mail').fill('noor@example.org');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Noor' }).waitFor();
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Sign out there: Safari on iOS' }).click();
    await page.getByText('Signed out there.').waitFor();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByText('You are signed out.').waitFor();
  },
});
