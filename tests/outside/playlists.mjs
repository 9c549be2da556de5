// Packages real track files in every way there is and lets readers by other people look at them: three playlist
// parsers (m3u8-parser, hls-parser, PyPI m3u8; the fourth, m3u8-rs, is in the packager's own tests), three box
// readers (mp4box, codem-isoboxer, mux.js), and ffmpeg, which decodes whole renditions and single I-frame ranges.
//
//     node tests/outside/playlists.mjs          (packages of tools/playlists in $CACHE_DIR/tools/playlists)
//
// Exits 1 and says in a sentence each what is read otherwise than we meant it.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const CACHE = process.env.CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'signal-video');
const require = createRequire(join(CACHE, 'tools/playlists/index.js'));
const { Parser } = require('m3u8-parser');
const hlsParser = require('hls-parser');
const mp4box = require('mp4box');
const isoboxer = require('codem-isoboxer');
const muxjs = require('mux.js');

const problems = [];
let checks = 0;
function same(is, should, what) {
  checks += 1;
  if (JSON.stringify(is) !== JSON.stringify(should)) {
    problems.push(`${what}: read ${JSON.stringify(is)}, meant ${JSON.stringify(should)}`);
  }
}
const near = (is, should, by, what) => same(Math.abs(is - should) <= by ? should : is, should, what);

function ffmpeg(...args) {
  return execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

// Twenty-one seconds, so that a ramp reaches its last step and the end is a tail.
const SECONDS = 21.2;
function tracks(dir) {
  const rung = (name, size, codec) => {
    const file = join(dir, `${name}.mp4`);
    ffmpeg('-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=30:duration=${SECONDS}`, ...codec, '-pix_fmt', 'yuv420p',
      '-g', '60', '-f', 'mp4', '-movflags', '+cmaf', file);
    return file;
  };
  const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '2', '-keyint_min', '60', '-sc_threshold', '0'];
  const rungs = [rung('low', '128x226', x264), rung('high', '180x320', x264)];
  const encoders = execFileSync('ffmpeg', ['-v', 'error', '-encoders']).toString();
  if (encoders.includes('libsvtav1')) {
    rungs.push(rung('av1', '180x320', ['-c:v', 'libsvtav1', '-preset', '12', '-crf', '50']));
  } else {
    console.log('note: this ffmpeg has no libsvtav1, so no AV1 rung is looked at');
  }
  const audio = join(dir, 'audio.mp4');
  ffmpeg('-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${SECONDS}`, '-ac', '2', '-c:a', 'aac',
    '-b:a', '64k', '-f', 'mp4', '-movflags', '+cmaf', '-frag_duration', '2000000', audio);
  return [audio, ...rungs];
}

// What every parser should find of a media playlist.
function meantMedia(r, single) {
  let offset = r.init_bytes;
  return r.segment_micros.map((micros, n) => {
    const range = single ? { length: r.segment_bytes[n], offset } : null;
    offset += r.segment_bytes[n];
    return { seconds: micros / 1e6, uri: single ? 'media.mp4' : `${n}.m4s`, range };
  });
}
function meantIFrames(r, single) {
  const starts = [];
  r.segment_bytes.reduce((at, bytes) => (starts.push(at), at + bytes), r.init_bytes);
  return r.i_frames.map((i) => ({
    seconds: i.micros / 1e6,
    uri: single ? 'media.mp4' : `${i.segment}.m4s`,
    range: { length: i.bytes, offset: single ? starts[i.segment] + i.offset : i.offset },
  }));
}

const fixed = (s) => Number(s.toFixed(6));
const readers = {
  'm3u8-parser'(text) {
    const parser = new Parser();
    parser.push(text);
    parser.end();
    const m = parser.manifest;
    if (m.playlists) {
      return {
        variants: m.playlists.map(({ uri, attributes: a }) => ({
          uri, peak: a.BANDWIDTH, average: Number(a['AVERAGE-BANDWIDTH']), codecs: a.CODECS,
          size: [a.RESOLUTION.width, a.RESOLUTION.height], fps: a['FRAME-RATE'], range: a['VIDEO-RANGE'],
          audio: a.AUDIO ?? null, captions: a.SUBTITLES ?? null,
        })),
        iframes: m.iFramePlaylists.map(({ uri, attributes: a }) => ({ uri, peak: a.BANDWIDTH, codecs: a.CODECS })),
        sound: Object.values(m.mediaGroups.AUDIO).flatMap((g) => Object.values(g)).map((t) => t.uri),
        captions: Object.values(m.mediaGroups.SUBTITLES).flatMap((g) => Object.entries(g))
          .map(([name, t]) => ({ name, language: t.language, uri: t.uri })),
      };
    }
    return {
      target: m.targetDuration, ended: m.endList, version: m.version,
      map: m.segments[0].map && { uri: m.segments[0].map.uri, range: m.segments[0].map.byterange ?? null },
      segments: m.segments.map((s) => ({ seconds: fixed(s.duration), uri: s.uri, range: s.byterange ?? null })),
    };
  },
  'hls-parser'(text) {
    const p = hlsParser.parse(text);
    if (p.isMasterPlaylist) {
      const streams = p.variants.filter((v) => !v.isIFrameOnly);
      const [first] = streams;
      return {
        variants: streams.map((v) => ({
          uri: v.uri, peak: v.bandwidth, average: v.averageBandwidth, codecs: v.codecs,
          size: [v.resolution.width, v.resolution.height], fps: v.frameRate, range: v.videoRange,
          audio: v.audio[0]?.groupId ?? null, captions: v.subtitles[0]?.groupId ?? null,
        })),
        iframes: p.variants.filter((v) => v.isIFrameOnly).map((v) => ({ uri: v.uri, peak: v.bandwidth, codecs: v.codecs })),
        sound: first.audio.map((a) => a.uri),
        captions: first.subtitles.map((s) => ({ name: s.name, language: s.language, uri: s.uri })),
      };
    }
    const range = (r) => (r ? { length: r.length, offset: r.offset } : null);
    return {
      target: p.targetDuration, ended: p.endlist, version: p.version,
      map: p.segments[0].map && { uri: p.segments[0].map.uri, range: range(p.segments[0].map.byterange) },
      segments: p.segments.map((s) => ({ seconds: fixed(s.duration), uri: s.uri, range: range(s.byterange) })),
    };
  },
};

// The PyPI parser, asked for everything at once: it starts slowly.
const PYTHON = `
import json, sys, m3u8
def rng(text):
    if not text: return None
    length, offset = text.split('@')
    return {'length': int(length), 'offset': int(offset)}
out = {}
for path in json.load(sys.stdin):
    p = m3u8.loads(open(path).read())
    if p.is_variant:
        streams = []
        for v in p.playlists:
            s = v.stream_info
            streams.append({'uri': v.uri, 'peak': s.bandwidth, 'average': s.average_bandwidth, 'codecs': s.codecs,
                'size': list(s.resolution), 'fps': s.frame_rate, 'range': s.video_range,
                'audio': s.audio.strip('"') if s.audio else None, 'captions': s.subtitles.strip('"') if s.subtitles else None})
        out[path] = {'variants': streams,
            'iframes': [{'uri': i.uri, 'peak': i.iframe_stream_info.bandwidth, 'codecs': i.iframe_stream_info.codecs} for i in p.iframe_playlists],
            'sound': [m.uri for m in p.media if m.type == 'AUDIO'],
            'captions': [{'name': m.name, 'language': m.language, 'uri': m.uri} for m in p.media if m.type == 'SUBTITLES']}
    else:
        m = p.segments[0].init_section
        out[path] = {'target': p.target_duration, 'ended': p.is_endlist, 'version': int(p.version),
            'map': {'uri': m.uri, 'range': rng(m.byterange)} if m else None,
            'segments': [{'seconds': round(s.duration, 6), 'uri': s.uri, 'range': rng(s.byterange)} for s in p.segments]}
json.dump(out, sys.stdout)
`;
const asked = [];

function playlist(path, meant, what) {
  const text = readFileSync(path, 'utf8');
  for (const [name, read] of Object.entries(readers)) compare(read(text), meant, `${what}, ${name}`);
  asked.push({ path, meant, what });
}
function compare(is, meant, what) {
  for (const [key, value] of Object.entries(meant)) same(canonical(is[key]), canonical(value), `${what}: ${key}`);
}
// Keys in one order; numbers stay what they are.
function canonical(v) {
  if (Array.isArray(v)) return v.map(canonical);
  if (v && typeof v === 'object') return Object.fromEntries(Object.keys(v).sort().map((k) => [k, canonical(v[k])]));
  return v ?? null;
}

function mainPlaylist(dir, facts) {
  const s = facts.sound;
  playlist(join(dir, 'main.m3u8'), {
    variants: facts.rungs.map((r) => ({
      uri: `${r.dir}/media.m3u8`, peak: r.peak_bps + (s?.peak_bps ?? 0), average: r.average_bps + (s?.average_bps ?? 0),
      codecs: s ? `${r.codecs},${s.codecs}` : r.codecs, size: [r.width, r.height], fps: r.fps_milli / 1000, range: 'SDR',
      audio: s ? 'sound' : null, captions: 'captions',
    })),
    iframes: facts.rungs.map((r) => ({ uri: `${r.dir}/iframes.m3u8`, peak: r.i_frame_bps, codecs: r.codecs.split(',')[0] })),
    sound: s ? ['sound/media.m3u8'] : [],
    captions: [{ name: 'Português (BR)', language: 'pt-BR', uri: 'pt-BR/media.m3u8' }],
  }, `${dir}: main`);
}

function mediaPlaylists(dir, r, single) {
  const map = { uri: single ? 'media.mp4' : 'init.mp4', range: single ? { length: r.init_bytes, offset: 0 } : null };
  const common = { ended: true, version: 7, map };
  playlist(join(dir, r.dir, 'media.m3u8'), { ...common, target: r.target_s, segments: meantMedia(r, single) }, `${dir}/${r.dir}`);
  if (r.i_frames.length) {
    playlist(join(dir, r.dir, 'iframes.m3u8'), { ...common, segments: meantIFrames(r, single) }, `${dir}/${r.dir}: I-frames`);
  }
}

// Init segment and segments as bytes, whichever way they are stored.
function parts(dir, r, single) {
  const at = join(dir, r.dir);
  if (!single) return [readFileSync(join(at, 'init.mp4')), ...r.segment_bytes.map((_, n) => readFileSync(join(at, `${n}.m4s`)))];
  const whole = readFileSync(join(at, 'media.mp4'));
  const cut = [whole.subarray(0, r.init_bytes)];
  r.segment_bytes.reduce((from, bytes) => (cut.push(whole.subarray(from, from + bytes)), from + bytes), r.init_bytes);
  return cut;
}
const buffer = (b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.length);

function byMp4box(what, r, [init, ...segments]) {
  const file = mp4box.createFile();
  let info;
  file.onReady = (i) => { info = i; };
  let at = 0;
  for (const part of [init, ...segments]) {
    const b = buffer(part);
    b.fileStart = at;
    at += part.length;
    file.appendBuffer(b);
  }
  file.flush();
  same(info.tracks.map((t) => t.codec).join(','), r.codecs, `${what}, mp4box: codecs`);
  same(info.isFragmented, true, `${what}, mp4box: fragmented`);
  const video = info.videoTracks[0];
  if (!video) return;
  same([video.video.width, video.video.height], [r.width, r.height], `${what}, mp4box: size`);
  const samples = file.getTrackSamplesInfo(video.id);
  const keys = samples.filter((s) => s.is_sync).map((s) => fixed(s.dts / s.timescale));
  const starts = r.i_frames.reduce((all, i) => [...all, fixed(all.at(-1) + i.micros / 1e6)], [0]).slice(0, -1);
  same(keys, starts, `${what}, mp4box: key frames`);
  same(Math.min(...samples.map((s) => s.cts)), 0, `${what}, mp4box: first picture`);
  same(samples.length, Math.round(r.segment_micros.reduce((a, b) => a + b, 0) * r.fps_milli / 1e9), `${what}, mp4box: pictures`);
}

function byIsoboxer(what, r, [init, ...segments]) {
  const head = isoboxer.parseBuffer(buffer(init));
  same(head.boxes.map((b) => b.type), ['ftyp', 'moov'], `${what}, isoboxer: init`);
  same(head.fetchAll('edts').length, 0, `${what}, isoboxer: edit lists`);
  const scales = head.fetchAll('mdhd').map((b) => b.timescale);
  const clocks = scales.map(() => 0);
  segments.forEach((segment, n) => {
    const file = isoboxer.parseBuffer(buffer(segment));
    const shape = file.boxes.map((b) => b.type).join(' ');
    same(/^styp( moof mdat)+$/.test(shape), true, `${what}, isoboxer: segment ${n} is ${shape}`);
    for (const traf of file.fetchAll('traf')) {
      const [tfhd, tfdt, ...runs] = traf.boxes;
      const track = tfhd.track_ID - 1;
      same(tfdt.baseMediaDecodeTime, clocks[track], `${what}, isoboxer: segment ${n} track ${track + 1} begins`);
      for (const run of runs) {
        for (const s of run.samples) clocks[track] += s.sample_duration ?? tfhd.default_sample_duration;
      }
    }
  });
  const seconds = r.segment_micros.reduce((a, b) => a + b, 0) / 1e6;
  near(clocks[0] / scales[0], seconds, 1e-5, `${what}, isoboxer: length`);
}

function byMuxJs(what, r, [init, ...segments]) {
  const { probe } = muxjs.mp4;
  const tracks = probe.tracks(init);
  const scales = Object.fromEntries(tracks.map((t) => [t.id, t.timescale]));
  // It knows no AV1.
  if (!r.codecs.startsWith('av01')) same(tracks.map((t) => t.codec).join(','), r.codecs, `${what}, mux.js: codecs`);
  let at = 0;
  segments.forEach((segment, n) => {
    near(probe.startTime(scales, segment), at, 0.03, `${what}, mux.js: segment ${n} begins`);
    at += r.segment_micros[n] / 1e6;
  });
}

function byFfmpeg(what, r, all, scratch) {
  const file = join(scratch, 'whole.mp4');
  writeFileSync(file, Buffer.concat(all));
  const count = (stream) => Number(execFileSync('ffprobe', ['-v', 'error', '-select_streams', stream, '-count_frames',
    '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0', file]).toString().trim().split('\n')[0]);
  if (r.width) same(count('v:0'), Math.round(SECONDS * 30), `${what}, ffprobe: pictures decoded`);
  if (r.channels) near(count('a:0'), Math.round(SECONDS * 48000 / 1024), 2, `${what}, ffprobe: sound frames decoded`);
  for (const i of [r.i_frames[0], r.i_frames.at(-1)].filter(Boolean)) {
    const segment = all[1 + i.segment];
    writeFileSync(file, Buffer.concat([all[0], segment.subarray(i.offset, i.offset + i.bytes)]));
    const done = spawnSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', file, '-map', '0:v', '-f', 'framecrc', '-']);
    const pictures = done.stdout.toString().split('\n').filter((l) => l && !l.startsWith('#')).length;
    same(pictures, 1, `${what}, ffmpeg: pictures of an I-frame range`);
  }
}

function main() {
  const scratch = mkdtempSync(join(tmpdir(), 'signal-playlists-'));
  try {
    const out = join(scratch, 'out');
    execFileSync('cargo', ['run', '--quiet', '--locked', '-p', 'packager', '--example', 'packages', '--', out, ...tracks(scratch)],
      { cwd: ROOT, stdio: 'inherit' });
    const names = readdirSync(out).sort();
    for (const name of names) {
      const dir = join(out, name);
      const facts = JSON.parse(readFileSync(join(dir, 'facts.json')));
      const single = facts.packaging.files === 'single';
      mainPlaylist(dir, facts);
      for (const r of [...facts.rungs, facts.sound].filter(Boolean)) {
        mediaPlaylists(dir, r, single);
        const [what, all] = [`${name}/${r.dir}`, parts(dir, r, single)];
        byMp4box(what, r, all);
        byIsoboxer(what, r, all);
        byMuxJs(what, r, all);
        // The bytes of a single file are those of the segments: once is enough.
        if (!single) byFfmpeg(what, r, all, scratch);
      }
    }
    const python = spawnSync('python3', ['-c', PYTHON], { input: JSON.stringify(asked.map((a) => a.path)), maxBuffer: 1 << 26 });
    if (python.status !== 0) problems.push(`PyPI m3u8 failed: ${python.stderr}`);
    else {
      const read = JSON.parse(python.stdout);
      for (const { path, meant, what } of asked) compare(read[path], meant, `${what}, m3u8 (PyPI)`);
    }
    console.log(`${names.length} packages, ${asked.length} playlists, ${checks} comparisons, ${problems.length} differences`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  for (const p of problems.slice(0, 40)) console.log(`BAD  ${p}`);
  process.exit(problems.length ? 1 : 0);
}
main();
