// The HTTP API as the app sees it, in one process and in memory, for development and browser tests.
// `POST /__mock` changes how it behaves: {"feed":"empty"|"broken"|"normal", "delay_ms":0, "roles":[…], …}.
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clips, duration_ms, playback, read } from './mock-media.mjs';
import { accept } from './mock-ws.mjs';
import { consoleRoutes } from './mock-consoles.mjs';

const DIST = process.env.SIGNAL_WEB_DIST ?? fileURLToPath(new URL('../dist/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png', '.jpg': 'image/jpeg', '.m3u8': 'application/vnd.apple.mpegurl', '.m4s': 'video/iso.segment', '.mp4': 'video/mp4', '.webmanifest': 'application/manifest+json', '.json': 'application/json' };
const CSP = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";
const NAMES = [['Ada Meadow', 'ada'], ['Jun Park', 'jun'], ['Marisol Vega', 'marisol'], ['Tomáš Novák', 'tomas']];
const CAPTIONS = [
  ['Morning in the meadow. Wait for the landing. #butterfly #slow', ['butterfly', 'slow']],
  ['Two coats, one steady hand', ['nails', 'howto', 'satisfying']],
  ['She visited forty flowers before breakfast and I followed her through all of them, which took the whole morning and most of my battery. Worth it. #bee #garden', ['bee', 'garden']],
  ['Sunday ride along the river #bikes', ['bikes']],
];

export class Refusal extends Error {
  constructor(status, slug, detail, extras = {}) {
    super(detail);
    Object.assign(this, { status, slug, extras });
  }
}

export function makeServer() {
  const media = clips();
  const state = { feed: 'normal', delay_ms: 0, roles: ['viewer'], published: 9, likes: new Set(), saves: new Set(), uploads: new Map(), own: [], events: [], sockets: new Set(), seq: 0, demo: null, n: 0, history: [], guest: true, name: 'Guest', offlineParts: false, account: null };
  const now = Date.now();
  const id = (n) => `01jd${String(n).padStart(9, '0')}`;
  const me = () => ({ id: id(900), display_name: state.name, handle: state.guest ? 'guest-7k2m' : 'noor', bio: '', guest: state.guest, email: state.guest ? null : 'noor@example.org', roles: state.roles, created_at_ms: now - 86_400_000 * 40, counts: { videos: state.own.length, likes: state.likes.size } });
  const session = () => ({ access_token: `a${++state.n}`, token_type: 'Bearer', expires_in_s: 900, refresh_token: `r${state.n}`, user: me() });
  const card = (n) => {
    const clip = media[n % media.length];
    const vid = id(n);
    const owner = NAMES[n % NAMES.length];
    const [caption, hashtags] = CAPTIONS[n % CAPTIONS.length];
    const liked = state.likes.has(vid);
    return { id: vid, owner: { id: id(500 + (n % NAMES.length)), display_name: owner[0], handle: owner[1] }, status: 'published', visibility: 'public', title: '', caption, hashtags, created_at_ms: now - n * 5_400_000, published_at_ms: now - n * 5_300_000, duration_ms, width: clip.portrait ? 540 : 960, height: clip.portrait ? 960 : 540, status_text: 'Live', counts: { views: 48_200 >> n, likes: (12_345 >> n) + (liked ? 1 : 0), shares: 320 >> n, avg_dwell_ms: 6100 }, liked, saved: state.saves.has(vid), link: `/watch/${vid}`, revision: 3, playback: playback(clip, `/v/${vid}/${clip.name}`, `/p/${vid}/${clip.name}`) };
  };
  const find = (vid) => state.own.find((v) => v.id === vid) ?? (Number(vid.slice(4)) < state.published ? card(Number(vid.slice(4))) : null);
  const push = (video) => {
    const message = { type: 'video_status', seq: ++state.seq, video_id: video.id, status: video.status, progress_percent: video.progress_percent ?? null, failure: video.failure ?? null, verdict: video.verdict ?? null, at_ms: Date.now() };
    for (const send of state.sockets) send(message);
  };
  const context = { state, card, find, push, id, media, now, me };

  async function pipeline(video) {
    const wait = (ms) => new Promise((r) => setTimeout(r, ms));
    const steps = [['uploaded'], ['judging'], ...(state.review ? [['in_review']] : []), ...(state.review ? [] : [['encoding', 12], ['encoding', 63], ['encoding', 96], ['verifying'], ['published']])];
    for (const [status, progress_percent] of steps) {
      await wait(state.step_ms ?? 700);
      Object.assign(video, { status, progress_percent: progress_percent ?? null });
      if (status === 'published') Object.assign(video, { published_at_ms: Date.now(), playback: playback(media[0], `/v/${video.id}/a`, `/p/${video.id}/a`), width: 540, height: 960, duration_ms });
      push(video);
    }
  }

  const routes = [
    ['POST', /^\/v1\/auth\/(guest|refresh)$/, () => session()],
    ['POST', /^\/v1\/auth\/(login|register)$/, ({ body, m }) => {
      if (m[1] === 'login' && body.password !== 'correct horse') throw new Refusal(401, 'wrong-credentials', 'The e-mail and password do not go together.');
      if (m[1] === 'register' && body.email === 'taken@example.org') throw new Refusal(409, 'email-taken', 'There is an account with this e-mail.');
      state.guest = false;
      state.name = body.display_name ?? 'Noor Haddad';
      return session();
    }],
    ['POST', /^\/v1\/auth\/operator$/, ({ body }) => {
      if (body.code !== 'good') throw new Refusal(401, 'wrong-credentials', 'This code was used or is too old.');
      Object.assign(state, { roles: ['viewer', 'moderator', 'operator'], guest: false, name: 'Operator' });
      return session();
    }],
    ['POST', /^\/v1\/auth\/logout$/, () => void Object.assign(state, { guest: true, name: 'Guest', roles: ['viewer'] })],
    ['GET', /^\/v1\/auth\/devices$/, () => ({ items: [{ device_id: 'd1', name: 'Chrome on Linux', current: true, created_at_ms: now - 9e8, last_seen_at_ms: now }, { device_id: 'd2', name: 'Safari on iOS', current: false, created_at_ms: now - 9e9, last_seen_at_ms: now - 7.2e7 }] })],
    ['DELETE', /^\/v1\/auth\/devices\/(.+)$/, () => undefined],
    ['GET', /^\/v1\/me$/, () => me()],
    ['PATCH', /^\/v1\/me$/, ({ body }) => ({ ...me(), ...body })],
    ['GET', /^\/v1\/me\/videos$/, () => ({ items: state.own, next_cursor: null })],
    ['GET', /^\/v1\/me\/likes$/, () => ({ items: [...state.likes].map(find).filter(Boolean), next_cursor: null })],
    ['GET', /^\/v1\/me\/saves$/, () => ({ items: [...state.saves].map(find).filter(Boolean), next_cursor: null })],
    ['GET', /^\/v1\/me\/history$/, () => ({ items: [...new Set(state.events.filter((e) => e.type === 'impression').map((e) => e.video_id))].map(find).filter(Boolean).reverse(), next_cursor: null })],
    ['GET', /^\/v1\/users\/([^/]+)$/, ({ m }) => {
      const n = Number(m[1].slice(4)) - 500;
      const name = NAMES[n];
      if (m[1] === id(900)) return me();
      if (!name) throw new Refusal(404, 'not-found', 'There is no such person.');
      return { id: m[1], display_name: name[0], handle: name[1], bio: 'Small things, close up.', guest: false, roles: ['viewer'], created_at_ms: now - 86_400_000 * 90, counts: { videos: 3, likes: 1204 } };
    }],
    ['GET', /^\/v1\/users\/([^/]+)\/videos$/, ({ m }) => ({ items: Array.from({ length: state.published }, (_, n) => card(n)).filter((c) => c.owner.id === m[1]), next_cursor: null })],
    ['POST', /^\/v1\/users\/([^/]+)\/hide$/, () => undefined],
    ['GET', /^\/v1\/feed$/, ({ url }) => {
      if (state.feed === 'broken') throw new Refusal(503, 'overloaded', 'Too much at once.', { instance: 'req-7f3a' });
      if (state.feed === 'empty') return { items: [], next_cursor: null, session: 's' };
      const from = Number(url.searchParams.get('cursor') ?? 0);
      const size = 5;
      const items = Array.from({ length: Math.max(0, Math.min(size, state.published - from)) }, (_, i) => ({ ...card(from + i), impression_id: `imp${from + i}`, reason: { code: 'fresh', text: 'It is new, and people who like #garden watched it to the end.' } }));
      return { items, next_cursor: from + size < state.published ? String(from + size) : null, session: 's' };
    }],
    ['POST', /^\/v1\/events$/, ({ body }) => {
      state.events.push(...body.events.map((e) => ({ ...e, epoch: body.epoch })));
      return { accepted: body.events.length, duplicate: 0, rejected: [], next_seq: body.events.at(-1).seq + 1 };
    }],
    ['GET', /^\/v1\/videos\/([^/]+)$/, ({ m }) => {
      if (m[1] === 'gone') throw new Refusal(410, 'gone', 'This video was removed.');
      const video = find(m[1]);
      if (!video) throw new Refusal(404, 'not-found', 'There is no such video.');
      return video;
    }],
    ['PATCH', /^\/v1\/videos\/([^/]+)$/, ({ m, body }) => Object.assign(find(m[1]), body)],
    ['DELETE', /^\/v1\/videos\/([^/]+)$/, ({ m }) => void (state.own = state.own.filter((v) => v.id !== m[1] || ((state.removed = v), false)))],
    ['POST', /^\/v1\/videos\/([^/]+)\/restore$/, () => void state.own.unshift(state.removed)],
    ['GET', /^\/v1\/videos\/([^/]+)\/cover$/, () => ({ own: false, pending: null })],
    ['POST', /^\/v1\/videos\/([^/]+)\/(appeal|retry)$/, ({ m }) => {
      const video = find(m[1]);
      Object.assign(video, m[2] === 'appeal' ? { status: 'in_review', verdict: null } : { status: 'uploaded', failure: null });
      push(video);
      if (m[2] === 'retry') void pipeline(video);
    }],
    ['POST', /^\/v1\/videos\/([^/]+)\/(report|not-interested)$/, () => undefined],
    ['POST', /^\/v1\/videos\/([^/]+)\/share$/, ({ m }) => ({ url: `/watch/${m[1]}`, shares: find(m[1]).counts.shares + 1 })],
    ['PUT', /^\/v1\/videos\/([^/]+)\/like$/, ({ m }) => {
      if (state.refuse_likes) throw new Refusal(429, 'rate-limited', 'Slow down.');
      state.likes.add(m[1]);
      return { liked: true, likes: find(m[1]).counts.likes };
    }],
    ['DELETE', /^\/v1\/videos\/([^/]+)\/like$/, ({ m }) => (state.likes.delete(m[1]), { liked: false, likes: find(m[1]).counts.likes })],
    ['PUT', /^\/v1\/videos\/([^/]+)\/save$/, ({ m }) => (state.saves.add(m[1]), { saved: true })],
    ['DELETE', /^\/v1\/videos\/([^/]+)\/save$/, ({ m }) => (state.saves.delete(m[1]), { saved: false })],
    ['GET', /^\/v1\/config$/, () => ({ demo_enabled: true, version: '0.1.0', moderation: { mode: 'human' } })],
    ['POST', /^\/v1\/demo$/, () => (Object.assign(state, { demo: { at: Date.now(), total: 6 } }), { running: true, done: 0, total: 6 })],
    ['GET', /^\/v1\/demo$/, () => {
      if (!state.demo) return { running: false, done: 0, total: 0 };
      const done = Math.min(6, Math.floor((Date.now() - state.demo.at) / 900));
      if (done >= 3) state.feed = 'normal';
      return { running: done < 6, done, published: done, total: 6 };
    }],
    ['POST', /^\/v1\/ws\/ticket$/, () => ({ ticket: 't', expires_in_s: 30 })],
    ['GET', /^\/v1\/uploads\/limits$/, () => ({ max_bytes: 512 * 1024 * 1024, max_duration_ms: 180_000, accepted: ['mp4', 'mov', 'webm', 'mkv'] })],
    ['GET', /^\/v1\/uploads$/, () => ({ items: [...state.uploads.values()].filter((u) => u.status === 'open').map(view) })],
    ['POST', /^\/v1\/uploads$/, ({ body }) => {
      const n = state.uploads.size;
      const part = 5 * 1024 * 1024;
      const video = { ...card(0), playback: null, id: id(700 + n), owner: { id: id(900), display_name: state.name, handle: 'me' }, status: 'reserved', visibility: body.visibility ?? 'public', title: body.title ?? '', caption: body.caption ?? '', hashtags: body.hashtags ?? [], created_at_ms: Date.now(), published_at_ms: null, counts: { views: 0, likes: 0, shares: 0, avg_dwell_ms: 0 }, liked: false, saved: false };
      const upload = { upload_id: `up${n}`, video_id: video.id, status: 'open', part_size_bytes: part, part_count: Math.max(1, Math.ceil(body.size_bytes / part)), size_bytes: body.size_bytes, filename: body.filename, parts: new Map(), expires_at_ms: Date.now() + 86_400_000, request: body };
      state.uploads.set(upload.upload_id, upload);
      state.own.unshift(video);
      return view(upload);
    }],
    ['GET', /^\/v1\/uploads\/([^/]+)$/, ({ m }) => view(state.uploads.get(m[1]))],
    ['POST', /^\/v1\/uploads\/([^/]+)\/parts$/, ({ m, body }) => ({ parts: body.parts.map((p) => ({ number: p.number, url: `/__s3/${m[1]}/${p.number}`, headers: {}, size_bytes: p.size_bytes ?? 0, expires_at_ms: Date.now() + 900_000 })) })],
    ['POST', /^\/v1\/uploads\/([^/]+)\/complete$/, ({ m }) => {
      const upload = state.uploads.get(m[1]);
      if (view(upload).missing.length) throw new Refusal(409, 'upload-incomplete', 'Parts are missing.', { missing: view(upload).missing });
      upload.status = 'completed';
      const video = find(upload.video_id);
      video.status = 'uploaded';
      void pipeline(video);
      return { video_id: video.id, status: 'uploaded' };
    }],
    ['DELETE', /^\/v1\/uploads\/([^/]+)$/, ({ m }) => {
      const upload = state.uploads.get(m[1]);
      upload.status = 'aborted';
      state.own = state.own.filter((v) => v.id !== upload.video_id);
    }],
    ...consoleRoutes(context, Refusal),
  ];

  function view(u) {
    if (!u) throw new Refusal(404, 'not-found', 'There is no such upload.');
    const received = [...u.parts].map(([number, size_bytes]) => ({ number, size_bytes, etag: `"e${number}"` }));
    const missing = Array.from({ length: u.part_count }, (_, i) => i + 1).filter((n) => !u.parts.has(n));
    const { parts: _parts, request: _request, ...rest } = u;
    return { ...rest, received, missing, received_bytes: received.reduce((a, p) => a + p.size_bytes, 0) };
  }

  const send = (res, status, body, headers = {}) => {
    res.writeHead(status, headers);
    res.end(body);
  };
  const json = (res, status, value, type = 'application/json') => send(res, status, value === undefined ? undefined : JSON.stringify(value), { 'content-type': type });

  function file(res, url) {
    const m = /^\/(v|p)\/([^/]+)\/([^/]+)\/(.+)$/.exec(url.pathname);
    if (m) {
      const clip = media.find((c) => c.name === m[3]);
      if (!clip || state.media === 'broken' || m[4].includes('..')) return send(res, 404);
      return setTimeout(() => send(res, 200, read(clip, m[4]), { 'content-type': TYPES[extname(m[4])] ?? 'application/octet-stream', 'cache-control': 'public, max-age=2592000, immutable' }), state.media_delay_ms ?? 0);
    }
    const path = join(DIST, url.pathname === '/' ? 'index.html' : url.pathname);
    const hit = existsSync(path) && extname(path) ? path : join(DIST, 'index.html');
    send(res, 200, readFileSync(hit), { 'content-type': TYPES[extname(hit)] ?? 'application/octet-stream', 'content-security-policy': CSP, 'cache-control': 'no-cache' });
  }

  const server = createServer(async (req, res) => {
    const url = new URL(req.url, 'http://mock');
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const part = /^\/__s3\/([^/]+)\/(\d+)$/.exec(url.pathname);
    if (part) {
      if (state.part_delay_ms) await new Promise((r) => setTimeout(r, state.part_delay_ms));
      if (state.offlineParts) return void req.socket.destroy();
      state.uploads.get(part[1])?.parts.set(Number(part[2]), raw.length);
      return send(res, 200, '', { etag: `"e${part[2]}"`, 'access-control-expose-headers': 'etag' });
    }
    if (url.pathname === '/__mock') {
      if (req.method === 'POST') Object.assign(state, JSON.parse(raw.toString()));
      return json(res, 200, { events: state.events, uploads: [...state.uploads.values()].map((u) => ({ ...view(u), request: u.request })), own: state.own, calls: state.calls });
    }
    if (!url.pathname.startsWith('/v1/')) return file(res, url);
    if (state.delay_ms) await new Promise((r) => setTimeout(r, state.delay_ms));
    try {
      const hit = routes.map(([method, pattern, run]) => ({ m: method === req.method && pattern.exec(url.pathname), run })).find((r) => r.m);
      if (!hit) throw new Refusal(404, 'not-found', 'There is no such address.');
      const body = raw.length ? JSON.parse(raw.toString()) : {};
      const value = await hit.run({ m: hit.m, url, body, req, res });
      if (res.writableEnded) return;
      json(res, value === undefined ? 204 : 200, value);
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      const status = error.status ?? 500;
      json(res, status, { type: `https://signal.video/problems/${error.slug ?? 'internal'}`, title: error.message, status, detail: error.message, instance: 'req-1', ...error.extras }, 'application/problem+json');
    }
  });
  server.on('upgrade', (req, socket) => {
    const push = accept(req, socket);
    state.sockets.add(push);
    socket.on('close', () => state.sockets.delete(push));
    push({ type: 'hello', seq: state.seq, missed: false });
  });
  return { server, state };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { server } = makeServer();
  const port = Number(process.env.PORT ?? 8080);
  server.listen(port, '127.0.0.1', () => console.log(`mock API and app on http://127.0.0.1:${port}`));
}
