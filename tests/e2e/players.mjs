// Our packages in players by other people: hls.js and Shaka in a real Chromium play every sample clip that must
// publish, from the lowest rung through an up-switch to the very end, and nothing is missing.
//
//     node tests/e2e/players.mjs [--short] [--only NAME,…]   (packages of tools/players in $CACHE_DIR/tools/players)
//
// What is asserted of each clip in each player:
//  - no error event of player, video or page, no request that found nothing;
//  - every picture of the package stands in the media source exactly once at exactly its place: read from the bytes
//    that the player appended, less what it removed; the buffered range has no hole from 0 to the end;
//  - the decoder gave out every one of them (`totalVideoFrames`), none corrupted; what was shown late or not at all on
//    a busy machine is not missing, but most must be shown (PRESENTED_PERCENT_MIN, clips of a second and more);
//  - it starts in the lowest rung and changes up, in the appended bytes and in `videoWidth` × `videoHeight`, by its own
//    choice. A clip of one segment leaves nothing to choose: it is played again from the start in the top rung, which
//    the player is told to;
//  - `ended` comes, the duration is the audited one to a frame, and it waited no longer than STALLED_MS_MAX.
// And WebCodecs, where no player stands before the decoder, gives out every picture of every segment of every rung.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { browse, shared } from './steps.mjs';
import { encode, house, rendition } from './players/house.mjs';

const CACHE = process.env.CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'signal-video');
const TOOLS = join(CACHE, 'tools/players');
const LIBRARIES = { 'hls.js': 'hls.js/dist/hls.min.js', Shaka: 'shaka-player/dist/shaka-player.compiled.js' };
const PLAYERS = Object.keys(LIBRARIES);

/** A clip of a few seconds waits for nothing on loopback; a decoder on a busy machine may be late once. */
const STALLED_MS_MAX = 500;
/** Of the pictures that were decoded, on two cores without a graphics card and with two players at once. */
const PRESENTED_PERCENT_MIN = 60;
/** Buffered times are of a float's precision, and sound may end a frame of AAC before the picture. */
const HOLE_S_MAX = 0.001;

// What the samples' manifest says must be refused, and why.
const REFUSED = { 'long_1080p_lowbitrate.mp4': 'media.too_long', 'sample_audio_only_15s.mp4': 'media.no_video' };
// Square without sound, and one segment with sound; the third is the one in two codecs.
const SHORT = ['bbb_642x642_768kbps_30fps_vp9.webm', 'sample_rotate_and_reflect.mp4'];
// Turned, with sound, and AV1 is worth it in every rung.
const TWO_CODECS = 'format/internal_emulator_transformer_output_270_rotated.mp4';
const OPTIONS = {
  'sound of its own': { SIGNAL_PACKAGING__SOUND: 'own' },
  'one file a rendition': { SIGNAL_PACKAGING__FILES: 'single' },
  'a ramp of lengths': { SIGNAL_PACKAGING__RAMP: 'true' },
  'all three': { SIGNAL_PACKAGING__SOUND: 'own', SIGNAL_PACKAGING__FILES: 'single', SIGNAL_PACKAGING__RAMP: 'true' },
};

const args = process.argv.slice(2);
const isShort = args.includes('--short');
const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : '';
const wanted = (name) => only.split(',').some((word) => name.includes(word));
const sum = { clips: 0, plays: 0, frames: 0, missing: 0, switches: 0, presented: 100, stalled: 0, bad: [] };

class Wrong extends Error {}
const must = (good, said) => { if (!good) throw new Wrong(said); };

/** Opens the page with a player in a window of its own, and runs one of its functions. */
async function inPage(stage, { player, noAv1 }, name, given) {
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (e) => problems.push(`page: ${e.message}`));
  page.on('console', (m) => m.type() === 'error' && problems.push(`console: ${m.text()}`));
  try {
    await page.goto(stage.house.page);
    if (player) await page.addScriptTag({ url: `${stage.house.players}/${LIBRARIES[player]}` });
    if (noAv1) await page.evaluate(async () => (await import('./page.mjs')).withoutAv1());
    const seen = await page.evaluate(async ([run, what]) => (await import('./page.mjs'))[run](what), [name, given]);
    return { ...seen, problems };
  } finally {
    await context.close();
  }
}

const heights = (order) => order.map(({ size }) => Math.min(...size.split('x').map(Number)));

/** One pass from the start to the end: nothing missing, nothing twice, the right length. */
function whole(pass, pack, what) {
  const frame = 1 / pack.fps;
  must(pass.ended, `${what}: not at the end`);
  must(Math.abs(pass.duration - pack.seconds) <= frame + 1e-3, `${what}: lasts ${pass.duration} s, audited are ${pack.seconds} s`);
  const numbers = new Set(pass.frames.map(([n]) => n));
  const lost = Array.from({ length: pack.pictures }, (_, n) => n).filter((n) => !numbers.has(n));
  sum.missing += lost.length;
  must(!lost.length, `${what}: pictures ${lost.slice(0, 5)}… of ${pack.pictures} were never appended`);
  must(numbers.size === pack.pictures, `${what}: ${numbers.size} pictures instead of ${pack.pictures}`);
  must(pass.buffered.length === 1, `${what}: a hole in what is buffered: ${JSON.stringify(pass.buffered)}`);
  const [[from, to]] = pass.buffered;
  must(from <= HOLE_S_MAX && to >= pack.seconds - frame - HOLE_S_MAX, `${what}: buffered is ${from} to ${to} of ${pack.seconds} s`);
  must(pass.corrupted === 0, `${what}: ${pass.corrupted} corrupted pictures`);
}

/** Everything that must be true of a playback; what is worth a line. */
function judge(seen, pack, wish) {
  must(!seen.errors.length && !seen.problems.length, [...seen.errors, ...seen.problems].slice(0, 4).join('; '));
  must(seen.offGrid === 0, `${seen.offGrid} pictures are not at their time`);
  whole(seen.first, pack, 'first time');
  const missing = pack.pictures - seen.first.decoded;
  sum.missing += Math.max(missing, 0);
  must(missing <= 0, `${seen.first.decoded} of ${pack.pictures} pictures were decoded`);
  if (seen.second) {
    whole(seen.second, pack, 'again');
    const again = seen.second.decoded - seen.first.decoded;
    must(again >= pack.pictures, `again: ${again} of ${pack.pictures} pictures were decoded`);
  }
  const codec = new Set(seen.order.map((o) => o.entry));
  must(codec.size === 1 || !wish.lowest, `it changed the codec: ${[...codec]}`);
  const ladder = pack.rungs.filter((r) => codec.has(r.codecs.slice(0, 4)));
  const order = heights(seen.order);
  if (ladder.length > 1) {
    if (wish.lowest) must(seen.order[0].size === ladder[0].size, `it starts with ${seen.order[0].size}, the lowest is ${ladder[0].size}`);
    must(order.some((h, n) => n && h > order[n - 1]), `no up-switch in what was appended: ${order}`);
    must(seen.sizes.length > 1, `the video has one size only: ${seen.sizes}`);
    sum.switches += 1;
  }
  must(seen.sizes.at(-1) === seen.order.at(-1).size, `the video is ${seen.sizes.at(-1)}, appended was ${seen.order.at(-1).size}`);
  const percent = Math.round((100 * seen.first.presented) / seen.first.decoded);
  if (pack.seconds >= 1) {
    must(percent >= PRESENTED_PERCENT_MIN, `only ${percent} % of the pictures were shown`);
    sum.presented = Math.min(sum.presented, percent);
  }
  must(seen.stalledMs <= STALLED_MS_MAX, `it waited ${seen.stalledMs.toFixed(0)} ms`);
  sum.stalled = Math.max(sum.stalled, seen.stalledMs);
  const path = ladder.length > 1 ? `${order.join(' → ')} ${seen.second ? 'told to, the second time' : 'by its own choice'}` : `${order} alone`;
  return `${seen.first.decoded}/${pack.pictures} pictures in ${[...codec]}, ${path}, ended at ${seen.first.time.toFixed(3)} of ${pack.seconds.toFixed(3)} s, `
    + `${percent} % shown, ${seen.first.dropped} late, waited ${seen.stalledMs.toFixed(0)} ms`;
}

async function line(what, run) {
  try {
    console.log(`  ok ${what}: ${await run()}`);
    return true;
  } catch (e) {
    sum.bad.push(`${what}: ${e instanceof Wrong ? e.message : e.stack ?? e}`);
    console.log(`  BAD ${sum.bad.at(-1)}`);
    return false;
  }
}

/** A clip as a package, or the code it was refused with. */
async function packed(stage, name, file, options = {}) {
  const dir = join(stage.scratch, 'packages', name);
  const item = await encode(file, dir, { ...options, data: join(stage.scratch, 'data') });
  if (item.code) return item;
  const rungs = item.rungs.map((r) => rendition(dir, r)).sort((a, b) => a.width * a.height - b.width * b.height);
  const { fps } = item.plan;
  return {
    url: `${stage.house.media.url}/${encodeURIComponent(name)}`, rungs, fps, seconds: item.source.duration_ms / 1000, pictures: rungs[0].pictures,
    segments: rungs[0].segments, leftOut: item.av1_left_out,
  };
}

const played = (stage, what, pack, player, wish, client = {}) =>
  line(`${what} · ${player}`, async () => {
    sum.plays += 1;
    const ladder = pack.rungs.filter((r) => r.codecs.startsWith(wish.codec ?? 'avc1'));
    const again = pack.segments === 1 && ladder.length > 1;
    const given = { player, url: `${pack.url}/main.m3u8`, fps: pack.fps, seconds: pack.seconds * 2 + 20, again, wish: { ...wish, lowest: wish.lowest && Math.min(ladder[0].width, ladder[0].height), isFree: !again } };
    const seen = await inPage(stage, { player, ...client }, 'play', given);
    const said = judge(seen, pack, wish);
    sum.frames += pack.pictures;
    if (client.expect) must(seen.order[0].entry === client.expect, `it plays ${seen.order[0].entry}, not ${client.expect}`);
    client.chose?.(player, seen.order[0].entry);
    return said;
  });

/** Both players at once: two of them leave two cores room enough. */
const inBoth = (stage, what, pack, wish, client = {}) => Promise.all(PLAYERS.map((p) => played(stage, what, pack, p, wish, client)));

const codecs = (stage, what, pack) =>
  line(`${what} · WebCodecs`, async () => {
    let all = 0;
    for (const r of pack.rungs) {
      must(r.pictures === pack.pictures, `${r.dir} has ${r.pictures} pictures, others have ${pack.pictures}`);
      const seen = await inPage(stage, {}, 'decode', { urls: r.names.map((n) => `${pack.url}/${n}`), codec: r.codecs.split(',')[0] });
      sum.missing += r.pictures - seen.decoded;
      must(!seen.error && seen.asked === r.pictures && seen.decoded === r.pictures, `${r.dir}: ${seen.decoded} of ${r.pictures} decoded, ${seen.error}`);
      all += seen.decoded;
    }
    const off = Math.abs(pack.pictures / pack.fps - pack.seconds);
    must(off <= 1 / pack.fps + 1e-3, `${pack.pictures} pictures at ${pack.fps} are not ${pack.seconds} s`);
    return `${pack.rungs.length} rungs, every one of ${all} pictures decoded`;
  });

async function clips(stage) {
  const media = join(shared, 'media');
  for (const folder of ['natural', 'format']) {
    if (!existsSync(join(media, folder))) {
      console.log(`skipped: no sample clips at ${join(media, folder)}`);
      continue;
    }
    for (const name of readdirSync(join(media, folder)).sort()) {
      if (!wanted(name) || (isShort && !SHORT.includes(name))) continue;
      await clip(stage, name, join(media, folder, name));
    }
  }
}

async function clip(stage, name, file) {
  let pack;
  const made = await line(`${name} · encode`, async () => {
    const started = Date.now();
    pack = await packed(stage, name, file);
    must(pack.code === REFUSED[name], `it is ${pack.code ?? 'published'}, and should be ${REFUSED[name] ?? 'published'}`);
    return pack.code ? `refused as it must be (${pack.code}), so nothing to play` : `${pack.rungs.length} rungs in ${((Date.now() - started) / 1000).toFixed(1)} s`;
  });
  if (!made || pack.code) return;
  sum.clips += 1;
  await inBoth(stage, name, pack, { lowest: true });
  if (!isShort) await codecs(stage, name, pack);
}

/** Long enough for a ramp to reach its longer steps. */
function drawn(stage) {
  const file = join(stage.scratch, 'drawn.mp4');
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=540x960:r=30:d=15', '-f', 'lavfi', '-i',
    'sine=f=440:r=48000:d=15', '-shortest', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', file]);
  return file;
}

async function options(stage) {
  const file = drawn(stage);
  for (const [what, settings] of Object.entries(OPTIONS)) {
    if (!wanted(what)) continue;
    const pack = await packed(stage, what, file, { settings });
    await inBoth(stage, what, pack, { lowest: true });
  }
}

async function twoCodecs(stage) {
  const file = join(shared, 'media', TWO_CODECS);
  if (!existsSync(file)) return console.log(`skipped: two codecs, no sample clip at ${file}`);
  if (!/libsvtav1/.test(execFileSync('ffmpeg', ['-v', 'error', '-encoders']))) return console.log('skipped: two codecs, this ffmpeg has no libsvtav1');
  const pack = await packed(stage, 'two codecs', file, { av1: true });
  const av1 = pack.rungs.filter((r) => r.codecs.startsWith('av01'));
  await line('two codecs · encode', async () => {
    must(av1.length > 1, `too few rungs in AV1 to switch between, left out were ${pack.leftOut}`);
    return `${pack.rungs.length - av1.length} rungs in H.264, ${av1.length} in AV1`;
  });
  const chosen = {};
  await inBoth(stage, 'two codecs, as the player likes', pack, {}, { chose: (p, entry) => { chosen[p] = entry; } });
  await inBoth(stage, 'two codecs, a client without AV1', pack, { lowest: true }, { noAv1: true, expect: 'avc1' });
  const others = PLAYERS.filter((p) => chosen[p] !== 'av01');
  await Promise.all(others.map((p) => played(stage, 'two codecs, AV1 preferred', pack, p, { codec: 'av01', lowest: true }, { expect: 'av01' })));
  if (!isShort) await codecs(stage, 'two codecs', pack);
}

async function main() {
  if (!['/usr/bin/chromium', '/usr/bin/chromium-browser'].some(existsSync)) return console.log('skipped: no Chromium is installed');
  must(existsSync(TOOLS), `no players at ${TOOLS}; \`make players\` installs them`);
  const scratch = mkdtempSync(join(tmpdir(), 'signal-players-'));
  const stage = { scratch, browser: await browse(), house: await house(join(scratch, 'packages'), TOOLS) };
  try {
    await clips(stage);
    if (wanted('two codecs')) await twoCodecs(stage);
    if (!isShort) await options(stage);
    if (stage.house.missing.length) sum.bad.push(`asked for what is not there: ${stage.house.missing.slice(0, 5)}`);
  } finally {
    await stage.browser.close();
    stage.house.close();
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(`RESULT players_missing_pictures value=${sum.missing} unit=pictures clips=${sum.clips} plays=${sum.plays} pictures=${sum.frames} up_switches=${sum.switches} `
    + `shown_percent_min=${sum.presented} waited_ms_max=${sum.stalled.toFixed(0)} bad=${sum.bad.length} target=0 ${sum.bad.length || sum.missing ? 'FAIL' : 'PASS'}`);
}

main().then(
  () => process.exit(sum.bad.length ? 1 : 0),
  (e) => {
    console.error(`FAILED: ${e.stack ?? e}`);
    process.exit(1);
  },
);
