// Runs in the browser: one playback by hls.js or Shaka and everything that can be seen of it from outside the
// player, or the decoding of a rendition by WebCodecs alone.
import { boxes, readInit, readSamples } from './boxes.mjs';

/** What the media source was given, whichever player gave it. Installed before any player is made. */
const given = { frames: new Map(), order: [], mimes: [], offGrid: 0, fps: 0, begun: null };

function seeAppends() {
  const add = MediaSource.prototype.addSourceBuffer;
  MediaSource.prototype.addSourceBuffer = function (mime) {
    given.mimes.push(mime);
    return add.call(this, mime);
  };
  const append = SourceBuffer.prototype.appendBuffer;
  SourceBuffer.prototype.appendBuffer = function (data) {
    const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
    note(this, bytes.slice());
    return append.call(this, data);
  };
  const remove = SourceBuffer.prototype.remove;
  SourceBuffer.prototype.remove = function (from, to) {
    if (this.isPicture) for (const n of given.frames.keys()) if (n / given.fps >= from && n / given.fps < to) given.frames.delete(n);
    return remove.call(this, from, to);
  };
}

function note(buffer, bytes) {
  const view = new DataView(bytes.buffer);
  if ([...boxes(view)].some((b) => b.type === 'moov')) buffer.tracks = readInit(bytes);
  for (const s of readSamples(bytes, buffer.tracks)) {
    if (s.track.kind !== 'video') continue;
    buffer.isPicture = true;
    const at = (s.pts / s.track.timescale + buffer.timestampOffset) * given.fps;
    const n = Math.round(at);
    // A frame that is not where its number says is a frame in the wrong place.
    if (Math.abs(at - n) > 0.01) given.offGrid += 1;
    const size = `${s.track.width}x${s.track.height}`;
    given.frames.set(n, size);
    given.begun?.();
    given.begun = null;
    const last = given.order.at(-1);
    if (last?.size !== size) given.order.push({ size, entry: s.track.entry, from: n });
  }
}

/** A browser that cannot play AV1. */
export function withoutAv1() {
  const is = (text) => /av01/.test(text ?? '');
  const typed = MediaSource.isTypeSupported.bind(MediaSource);
  MediaSource.isTypeSupported = (mime) => !is(mime) && typed(mime);
  const canPlay = HTMLMediaElement.prototype.canPlayType;
  HTMLMediaElement.prototype.canPlayType = function (mime) { return is(mime) ? '' : canPlay.call(this, mime); };
  const info = navigator.mediaCapabilities.decodingInfo.bind(navigator.mediaCapabilities);
  navigator.mediaCapabilities.decodingInfo = (c) =>
    is(c.video?.contentType) ? Promise.resolve({ supported: false, smooth: false, powerEfficient: false, configuration: c }) : info(c);
  const add = MediaSource.prototype.addSourceBuffer;
  MediaSource.prototype.addSourceBuffer = function (mime) {
    if (is(mime)) throw new DOMException('no AV1 here', 'NotSupportedError');
    return add.call(this, mime);
  };
}

const settled = (video) => {
  const q = video.getVideoPlaybackQuality();
  return { decoded: q.totalVideoFrames, dropped: q.droppedVideoFrames, corrupted: q.corruptedVideoFrames ?? 0 };
};
const ranges = (b) => Array.from({ length: b.length }, (_, n) => [b.start(n), b.end(n)]);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

function watch(video, facts) {
  let since = null;
  const size = () => {
    const is = `${video.videoWidth}x${video.videoHeight}`;
    if (facts.sizes.at(-1) !== is) facts.sizes.push(is);
  };
  const go = () => {
    if (since !== null) facts.stalledMs += performance.now() - since;
    since = null;
  };
  for (const name of ['loadedmetadata', 'resize']) video.addEventListener(name, size);
  video.addEventListener('error', () => facts.errors.push(`video: ${video.error?.message ?? video.error?.code}`));
  video.addEventListener('waiting', () => {
    // At the end there is nothing to wait for, and before the first picture waiting is the start.
    if (facts.started && !video.seeking && video.currentTime < video.duration - 1 / given.fps) since ??= performance.now();
  });
  video.addEventListener('playing', () => { facts.started = true; go(); });
  video.addEventListener('timeupdate', go);
  const frame = (_, meta) => {
    facts.presented = Math.max(facts.presented, meta.presentedFrames);
    video.requestVideoFrameCallback(frame);
  };
  video.requestVideoFrameCallback(frame);
}

async function hls(video, url, wish, facts) {
  const player = new Hls({
    // As low as can be, so that it starts low and what follows is its own choice.
    abrEwmaDefaultEstimate: 1, testBandwidth: false,
    ...(wish.codec ? { videoPreference: { videoCodec: wish.codec } } : {}),
  });
  player.on(Hls.Events.ERROR, (_, e) => facts.errors.push(`hls.js: ${e.details}${e.fatal ? ', fatal' : ''}: ${e.error?.message ?? e.reason ?? ''}`));
  player.on(Hls.Events.MANIFEST_PARSED, () => {
    if (!wish.lowest) return;
    const fits = player.levels.map((l, n) => ({ n, l })).filter(({ l }) => !wish.codec || l.videoCodec?.startsWith(wish.codec));
    player.startLevel = fits.reduce((a, b) => (b.l.bitrate < a.l.bitrate ? b : a)).n;
  });
  player.attachMedia(video);
  player.loadSource(url);
  return {
    async top() {
      video.currentTime = 0;
      player.currentLevel = player.levels.length - 1;
    },
    destroy: () => player.destroy(),
  };
}

async function shakaPlayer(video, url, wish, facts) {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener('error', (e) => facts.errors.push(`shaka: ${e.detail?.code} ${e.detail?.message ?? ''}`));
  await player.attach(video);
  player.configure({
    abr: {
      // As above; and it may choose again for every segment, as clips are shorter than its 8 s.
      defaultBandwidthEstimate: 1, useNetworkInformation: false, switchInterval: 0,
      // More than an init segment, from which nothing can be told.
      advanced: { minTotalBytes: 4_000, minBytes: 1 },
      // Playlists and init segments can be enough for it to choose before it appends anything: not yet. Shaka turns
      // upright pictures before it compares, so a height is the short side.
      ...(wish.lowest > 1 ? { restrictions: { maxHeight: wish.lowest } } : {}),
    },
    ...(wish.codec ? { preferredVideo: [{ codec: wish.codec }] } : {}),
  });
  given.begun = () => wish.isFree && player.configure('abr.restrictions.maxHeight', Infinity);
  await player.load(url);
  return {
    async top() {
      player.configure('abr.enabled', false);
      const tracks = player.getVariantTracks();
      video.currentTime = 0;
      player.selectVariantTrack(tracks.reduce((a, b) => (b.height > a.height ? b : a)), true);
    },
    destroy: () => player.destroy(),
  };
}

async function toTheEnd(video, facts, seconds) {
  const deadline = performance.now() + seconds * 1000;
  while (!video.ended && !facts.errors.length) {
    if (performance.now() > deadline) throw new Error(`not at the end after ${seconds.toFixed(0)} s: ${video.currentTime.toFixed(3)} of ${video.duration}, state ${video.readyState}`);
    await sleep(20);
  }
  // What the decoder did is told a little later than that it is done.
  for (let before = -1, is = settled(video).decoded; before !== is; is = settled(video).decoded) {
    before = is;
    await sleep(250);
  }
  return { ...settled(video), presented: facts.presented, ended: video.ended, duration: video.duration, buffered: ranges(video.buffered), time: video.currentTime };
}

/** Back to the start, and everything buffered there is replaced by another rung before it goes on. */
async function replaced(video, change) {
  const [deadline, all, rungs] = [performance.now() + 10_000, given.frames.size, given.order.length];
  await change();
  while (given.order.length === rungs || given.frames.size < all || !video.buffered.length) {
    if (performance.now() > deadline) throw new Error('the other rung does not come');
    await sleep(20);
  }
  // The decoder has read some of what was replaced; a seek makes it begin anew.
  await sleep(100);
  video.currentTime = 0;
  while (video.seeking) await sleep(10);
}

/** Plays to the end; with `again` once more from the start in the top rung, without a new player. */
export async function play({ player, url, fps, seconds, wish, again }) {
  given.fps = fps;
  seeAppends();
  const facts = { errors: [], sizes: [], stalledMs: 0, presented: 0, started: false };
  const video = document.querySelector('video');
  watch(video, facts);
  const made = await (player === 'hls.js' ? hls : shakaPlayer)(video, url, wish, facts);
  try {
    await video.play();
    facts.first = await toTheEnd(video, facts, seconds);
    facts.first.frames = [...given.frames];
    if (again && !facts.errors.length) {
      await replaced(video, () => made.top());
      await video.play();
      facts.second = await toTheEnd(video, facts, seconds);
      facts.second.frames = [...given.frames];
    }
  } catch (e) {
    facts.errors.push(String(e?.message ?? e), ...(e?.code ? [`shaka ${e.code} ${JSON.stringify(e.data)}`] : []));
  }
  await made.destroy();
  return { ...facts, order: given.order, mimes: given.mimes, offGrid: given.offGrid };
}

/** Every frame of a rendition through a decoder that no player stands before: how many came out, and what for times. */
export async function decode({ urls, codec }) {
  const parts = await Promise.all(urls.map(async (u) => new Uint8Array(await (await fetch(u)).arrayBuffer())));
  const bytes = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  parts.reduce((at, p) => (bytes.set(p, at), at + p.length), 0);
  const samples = readSamples(bytes, readInit(bytes)).filter((s) => s.track.kind === 'video');
  const [{ track }] = samples;
  const micros = (s) => Math.round((s.pts * 1e6) / track.timescale);
  const out = new Set();
  let error = null;
  const decoder = new VideoDecoder({
    output: (frame) => { out.add(frame.timestamp); frame.close(); },
    error: (e) => { error = e.message; },
  });
  decoder.configure({ codec, ...(track.entry === 'avc1' ? { description: track.config } : {}) });
  for (const s of samples) {
    if (error) break;
    decoder.decode(new EncodedVideoChunk({ type: s.key ? 'key' : 'delta', timestamp: micros(s), data: bytes.subarray(s.at, s.at + s.size) }));
    while (decoder.decodeQueueSize > 16 && !error) await sleep(2);
  }
  if (!error) await decoder.flush().catch((e) => { error = e.message; });
  return { asked: samples.length, decoded: samples.filter((s) => out.has(micros(s))).length, error };
}
