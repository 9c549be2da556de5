// Small HLS packages for the mock server, made once by ffmpeg and kept in a temp directory.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(tmpdir(), 'signal-web-mock-3');
const RUNGS = [
  { rung: 240, kbps: 320 },
  { rung: 360, kbps: 600 },
  { rung: 540, kbps: 1000 },
];
const SECONDS = 8;
const HERE = fileURLToPath(new URL('.', import.meta.url));
const SHARED = process.env.SIGNAL_SHARED ?? resolve(HERE, '../../../../shared');

const portrait = 'crop=min(iw\\,ih*9/16):ih';
/** `file` is used where the shared samples are at hand, `draw` everywhere else. */
const CLIPS = [
  { name: 'a', file: 'butterfly.mp4', filter: portrait, draw: 'gradients=s=540x960:c0=0x2b1055:c1=0xd53369:c2=0x1b98f5:n=3:speed=0.02:r=30', w: 9, h: 16, tone: 330 },
  { name: 'b', file: 'nail_portrait_1080x1916_30fps.mp4', filter: 'null', draw: 'testsrc2=s=540x960:r=30', w: 9, h: 16, tone: 0 },
  { name: 'c', file: 'bee.mp4', filter: portrait, draw: 'mandelbrot=s=540x960:r=30', w: 9, h: 16, tone: 440 },
  { name: 'd', file: 'bikes.mp4', filter: 'scale=960:540:force_original_aspect_ratio=increase,crop=960:540', draw: 'smptehdbars=s=960x540:r=30', w: 16, h: 9, tone: 262 },
];

const run = (args) => execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });

function make(clip, dir) {
  const sample = join(SHARED, 'media/natural', clip.file);
  const input = existsSync(sample) ? ['-stream_loop', '-1', '-i', sample] : ['-f', 'lavfi', '-i', clip.draw];
  const sound = clip.tone ? ['-f', 'lavfi', '-i', `sine=f=${clip.tone}:r=48000`] : [];
  for (const { rung, kbps } of RUNGS) {
    const out = join(dir, String(rung));
    mkdirSync(out, { recursive: true });
    const size = clip.w < clip.h ? `scale=${rung}:-2` : `scale=-2:${rung}`;
    run([
      ...input, ...sound, '-t', String(SECONDS), '-map', '0:v:0', ...(clip.tone ? ['-map', '1:a:0', '-c:a', 'aac', '-b:a', '64k'] : []),
      '-vf', `${existsSync(sample) ? clip.filter : 'null'},${size},fps=30,format=yuv420p`,
      '-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', 'main', '-b:v', `${kbps}k`, '-maxrate', `${kbps}k`, '-bufsize', `${kbps * 2}k`,
      '-g', '60', '-keyint_min', '60', '-sc_threshold', '0', '-f', 'hls', '-hls_time', '2', '-hls_playlist_type', 'vod',
      '-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename', 'init.mp4', '-hls_segment_filename', join(out, '%d.m4s'), join(out, 'media.m3u8'),
    ]);
  }
  const big = join(dir, '540/all.mp4');
  run(['-i', join(dir, '540/media.m3u8'), '-c', 'copy', big]);
  run(['-ss', '1', '-i', big, '-frames:v', '1', '-q:v', '4', join(dir, 'poster.jpg')]);
  run(['-i', big, '-vf', `fps=2,scale=${clip.w < clip.h ? '90:160' : '160:90'},tile=4x4`, '-frames:v', '1', '-q:v', '6', join(dir, 'sprite.jpg')]);
  const size = (r) => (clip.w < clip.h ? `${r}x${Math.round((r * clip.h) / clip.w / 2) * 2}` : `${Math.round((r * clip.w) / clip.h / 2) * 2}x${r}`);
  const lines = RUNGS.map(({ rung, kbps }) => `#EXT-X-STREAM-INF:BANDWIDTH=${(kbps + 80) * 1100},AVERAGE-BANDWIDTH=${(kbps + 64) * 1000},RESOLUTION=${size(rung)},CODECS="avc1.4d401f${clip.tone ? ',mp4a.40.2' : ''}"\n${rung}/media.m3u8`);
  writeFileSync(join(dir, 'main.m3u8'), `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n${lines.join('\n')}\n`);
}

export function clips() {
  for (const clip of CLIPS) {
    const dir = join(ROOT, clip.name);
    if (existsSync(dir)) continue;
    const draft = `${dir}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    console.error(`mock: making clip ${clip.name}`);
    make(clip, draft);
    renameSync(draft, dir);
  }
  return CLIPS.map((clip) => ({ ...clip, dir: join(ROOT, clip.name), portrait: clip.w < clip.h }));
}

const bytes = (path) => statSync(path).size;

export function playback(clip, base, posterBase) {
  const rungs = RUNGS.map(({ rung, kbps }) => {
    const dir = join(clip.dir, String(rung));
    const segments = readdirSync(dir).filter((f) => f.endsWith('.m4s')).sort((a, b) => parseInt(a) - parseInt(b));
    return {
      rung,
      width: clip.portrait ? rung : Math.round((rung * 16) / 9),
      height: clip.portrait ? Math.round((rung * 16) / 9) : rung,
      codecs: 'avc1.4d401f,mp4a.40.2',
      peak_kbps: kbps + 80,
      average_kbps: kbps + 64,
      media_url: `${base}/${rung}/media.m3u8`,
      init_url: `${base}/${rung}/init.mp4`,
      init_bytes: bytes(join(dir, 'init.mp4')),
      first_frame_bytes: 12_000,
      segment_bytes: segments.map((f) => bytes(join(dir, f))),
    };
  });
  return {
    package_id: `pkg-${clip.name}-${base}`,
    multivariant_url: `${base}/main.m3u8`,
    poster_url: `${posterBase}/poster.jpg`,
    blurhash: clip.portrait ? 'LGF5?xYk^6#M@-5c,1J5@[or[Q6.' : 'L6PZfSi_.AyE_3t7t7R**0o#DgR4',
    width: clip.portrait ? 540 : 960,
    height: clip.portrait ? 960 : 540,
    fps_milli: 30_000,
    has_audio: clip.tone > 0,
    sprite: { url: `${posterBase}/sprite.jpg`, vtt_url: `${posterBase}/sprite.vtt`, tile_width: clip.portrait ? 90 : 160, tile_height: clip.portrait ? 160 : 90, columns: 4, rows: 4, tiles: 16, cadence_ms: 500 },
    start_rung: 360,
    segment_ms: rungs[0].segment_bytes.map(() => 2000),
    rungs,
    retention_ppm: Array.from({ length: 20 }, (_, i) => 1_000_000 - i * 30_000),
  };
}

export const duration_ms = SECONDS * 1000;
export const read = (clip, path) => readFileSync(join(clip.dir, path));
