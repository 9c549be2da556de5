// What the players are given: packages that `signal media encode` made, and two loopback servers, one for the page
// and one for the media, so that they are of different origins as they are behind a CDN.
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, resolve, sep } from 'node:path';
import { binary } from '../steps.mjs';
import { readInit, readSamples } from './boxes.mjs';

/** As long as a near CDN takes: without it a player takes everything for its own cache, and measures nothing. */
const ANSWER_AFTER_MS = 20;

const TYPES = {
  '.m3u8': 'application/vnd.apple.mpegurl', '.m4s': 'video/mp4', '.mp4': 'video/mp4', '.vtt': 'text/vtt', '.jpg': 'image/jpeg',
  '.mjs': 'text/javascript', '.js': 'text/javascript', '.html': 'text/html',
};

/** `signal media encode FILE`; what it says of it, or the code it refuses it with. */
export async function encode(file, out, { settings = {}, av1 = false, data }) {
  const args = ['--json', '--data-dir', data, 'media', 'encode', file, '--out', out, ...(av1 ? ['--av1'] : [])];
  // From a folder of its own: settings that lie about where this is started are not what is tested.
  mkdirSync(data, { recursive: true });
  const child = spawn(binary, args, { cwd: data, env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, wrong] = ['', ''];
  child.stdout.on('data', (d) => { said += d; });
  child.stderr.on('data', (d) => { wrong += d; });
  await new Promise((done, fail) => child.on('close', done).on('error', fail));
  const item = said.trim() ? JSON.parse(said).items[0] : null;
  if (!item) throw new Error(`signal media encode says nothing of ${file}: ${wrong}`);
  if (item.error && !item.code) throw new Error(`signal media encode: ${item.error} ${JSON.stringify(item.problems ?? '')}`);
  return item;
}

/** The addresses of a rendition's bytes and how many pictures they hold, as read from the playlist on disk. */
export function rendition(dir, rung) {
  const list = readFileSync(join(dir, rung.dir, 'media.m3u8'), 'utf8').split('\n');
  const map = list.find((l) => l.startsWith('#EXT-X-MAP')).match(/URI="([^"]+)"/)[1];
  const names = [...new Set([map, ...list.filter((l) => l && !l.startsWith('#'))])];
  const bytes = Buffer.concat(names.map((n) => readFileSync(join(dir, rung.dir, n))));
  const pictures = readSamples(bytes, readInit(bytes)).filter((s) => s.track.kind === 'video').length;
  const segments = list.filter((l) => l.startsWith('#EXTINF')).length;
  return { ...rung, names: names.map((n) => `${rung.dir}/${n}`), pictures, segments, size: `${rung.width}x${rung.height}` };
}

function answer(root, asked, missing) {
  return (req, res) => {
    const path = decodeURIComponent(new URL(req.url, 'http://x').pathname);
    const file = resolve(root, `.${path}`);
    res.setHeader('access-control-allow-origin', '*');
    res.setHeader('access-control-allow-headers', 'range');
    res.setHeader('access-control-expose-headers', 'content-range, content-length');
    res.setHeader('cache-control', 'no-store');
    if (req.method === 'OPTIONS') return res.writeHead(204).end();
    if (path === '/favicon.ico') return res.writeHead(204).end();
    if (!file.startsWith(root + sep) || !existsSync(file)) {
      missing.push(path);
      return res.writeHead(404).end();
    }
    asked.push(path);
    const { size } = statSync(file);
    const range = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '');
    const [start, end] = range ? [Number(range[1]), range[2] ? Math.min(Number(range[2]), size - 1) : size - 1] : [0, size - 1];
    const head = { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'accept-ranges': 'bytes', 'content-length': end - start + 1 };
    if (range) head['content-range'] = `bytes ${start}-${end}/${size}`;
    return setTimeout(() => {
      res.writeHead(range ? 206 : 200, head);
      createReadStream(file, { start, end }).pipe(res);
    }, ANSWER_AFTER_MS);
  };
}

async function serve(root) {
  const [asked, missing] = [[], []];
  const server = createServer(answer(resolve(root), asked, missing));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}`, asked, missing, close: () => server.close() };
}

/** The media of `packages`, and the page with the players of `tools` on an origin of its own. */
export async function house(packages, tools) {
  const media = await serve(packages);
  const script = await serve(dirname(new URL(import.meta.url).pathname));
  const players = await serve(join(tools, 'node_modules'));
  return { media, page: `${script.url}/page.html`, players: players.url, missing: media.missing, close: () => [media, script, players].forEach((s) => s.close()) };
}
