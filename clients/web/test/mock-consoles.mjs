// Moderation and operations of the mock server.
import { read } from './mock-media.mjs';

const MIN = 60_000;

export function consoleRoutes({ state, card, media, now, id, push }, Refusal) {
  const need = (role) => {
    if (!state.roles.includes(role)) throw new Refusal(403, 'forbidden', `This needs the ${role} role.`);
  };
  state.cases = [0, 1, 2, 3].map((n) => ({ ...card(n), id: id(800 + n), status: 'in_review', playback: null }));
  state.decided = [];
  const queued = (v, i) => ({ video_id: v.id, owner: v.owner, title: v.caption, created_at_ms: now - i * 7 * MIN, waiting_ms: (i + 1) * 7 * MIN, reason: ['no_classifier', 'near_threshold', 'appeal', 'reported'][i % 4], top_score: i % 2 ? { name: 'Graphic Violence', confidence: 71.4 } : null, poster_url: null, duration_ms: 8000, appeal: i === 2 ? { message: 'It is a nature film. Nobody is hurt.' } : null });
  const one = (vid) => {
    const v = state.cases.find((c) => c.id === vid) ?? state.decided.find((c) => c.id === vid);
    if (!v) throw new Refusal(404, 'not-found', 'No such case.');
    return v;
  };
  const clipOf = (vid) => media[Number(vid.slice(4)) % media.length];
  const jobs = ['transcode.encode', 'transcode.encode', 'moderation.judge'].map((kind, i) => ({ id: id(600 + i), kind, key: id(i), state: 'dead', attempts: 5, max_attempts: 5, error: ['ffmpeg was killed by the memory limit (signal 9)', 'ffmpeg: moov atom not found', 'the disk is full'][i], created_at_ms: now - i * 33 * MIN, updated_at_ms: now - i * 30 * MIN }));
  return [
    ['GET', /^\/v1\/moderation\/queue$/, () => (need('moderator'), { items: state.cases.map(queued), next_cursor: null, handled_today: state.decided.length + 12 })],
    ['GET', /^\/v1\/moderation\/reasons$/, () => ({ items: [{ code: 'sexual_content', text: 'Nudity or sexual content' }, { code: 'violence', text: 'Violence' }, { code: 'hate', text: 'Hate' }, { code: 'other', text: 'Something else' }] })],
    ['GET', /^\/v1\/moderation\/videos\/([^/]+)$/, ({ m }) => {
      need('moderator');
      const video = one(m[1]);
      const judged = Number(video.id.slice(4)) % 2 === 1;
      const frames = Array.from({ length: 8 }, (_, i) => ({ n: i + 1, at_ms: i * 1000 + 320, url: `/v1/moderation/videos/${video.id}/frames/${i + 1}`, findings: judged && i === 3 ? [{ name: 'Weapon Violence', parent: 'Graphic Violence', level: 3, confidence: 71.4 }] : [] }));
      return {
        video, content_sha256: '9f2c1d7ab3e4558870aa4c1e5d21f0b7c6a9d3e2f1b0a4958677c5d4e3f2a1b0', frames,
        labels: judged ? [{ name: 'Graphic Violence', max_confidence: 71.4, reject_at: 90, review_at: 60 }, { name: 'Swimwear or Underwear', max_confidence: 12.1, reject_at: null, review_at: 80 }] : [],
        unjudged: judged ? ['Hate Symbols', 'Gambling', 'Drugs & Tobacco'] : ['Explicit', 'Violence', 'Visually Disturbing', 'Drugs & Tobacco', 'Alcohol', 'Rude Gestures', 'Gambling', 'Hate Symbols'],
        classifier: judged ? { name: 'onnx', version: '1.2' } : null,
        decisions: judged ? [{ at_ms: now - 40 * MIN, by: 'classifier', verdict: 'escalate', reason_code: 'near_threshold', reason: 'Graphic Violence 71 is between 60 and 90.' }] : [],
        same_content: [], source_url: `/v1/moderation/videos/${video.id}/source?ticket=x`,
      };
    }],
    ['GET', /^\/v1\/moderation\/videos\/([^/]+)\/frames\/(\d+)$/, ({ m, res }) => {
      res.writeHead(200, { 'content-type': 'image/jpeg' });
      res.end(read(clipOf(m[1]), 'poster.jpg'));
    }],
    ['GET', /^\/v1\/moderation\/videos\/([^/]+)\/source$/, ({ m, res, req }) => {
      const bytes = read(clipOf(m[1]), '540/all.mp4');
      const range = /bytes=(\d+)-(\d*)/.exec(req.headers.range ?? '');
      const from = range ? Number(range[1]) : 0;
      const to = range?.[2] ? Number(range[2]) : bytes.length - 1;
      res.writeHead(range ? 206 : 200, { 'content-type': 'video/mp4', 'accept-ranges': 'bytes', 'content-length': to - from + 1, ...(range ? { 'content-range': `bytes ${from}-${to}/${bytes.length}` } : {}) });
      res.end(bytes.subarray(from, to + 1));
    }],
    ['POST', /^\/v1\/moderation\/videos\/([^/]+)\/decision$/, ({ m, body }) => {
      const video = one(m[1]);
      state.cases = state.cases.filter((c) => c.id !== video.id);
      state.decided.push(video);
      const own = state.own.find((v) => v.id === m[1]);
      if (own) push(Object.assign(own, { status: body.decision === 'approve' ? 'approved' : 'rejected' }));
      return { verdict: body.decision };
    }],
    ['POST', /^\/v1\/moderation\/videos\/([^/]+)\/undo$/, ({ m }) => {
      const video = one(m[1]);
      state.decided = state.decided.filter((c) => c.id !== video.id);
      state.cases.unshift(video);
    }],
    ['GET', /^\/v1\/ops\/summary$/, () => {
      need('operator');
      const wave = (base, swing, period) => Math.max(0, base + swing * Math.sin(Date.now() / period));
      return {
        ok: state.ops !== 'red', version: '0.1.0', uptime_s: 8123,
        promises: [
          { name: 'Feed page p99', target: 120, value: Math.round(wave(9, 4, 9000)), unit: 'ms', state: 'green', help: 'signal doctor' },
          { name: 'First frame p50', target: 800, value: 312, unit: 'ms', state: 'green' },
          { name: 'Rebuffer ratio', target: 2, value: 1.8, unit: '%', state: 'amber', help: 'docs/runbooks/rebuffer.md' },
          { name: 'Videos stuck', target: 0, value: state.ops === 'red' ? 3 : 0, unit: '', state: state.ops === 'red' ? 'red' : 'green', help: 'signal dlq list' },
          { name: 'Upload to live', target: '1.5 × length', value: 1.1, unit: '×', state: 'green' },
        ],
        queues: [{ kind: 'moderation.judge', ready: 2, running: 1, dead: 1, oldest_ms: 4_000 }, { kind: 'transcode.encode', ready: 5, running: 2, dead: 2, oldest_ms: 61_000 }, { kind: 'catalog.erase', ready: 0, running: 0, dead: 0, oldest_ms: null }],
        disk: { free_bytes: 41e9, total_bytes: 120e9, data_bytes: 3.4e9 },
        rates: { requests_per_s: wave(34, 12, 7000), events_per_s: wave(120, 60, 5000), media_mbps: wave(18, 9, 11000) },
      };
    }],
    ['GET', /^\/v1\/ops\/jobs$/, () => ({ items: jobs.filter((j) => j.state === 'dead'), next_cursor: null })],
    ['POST', /^\/v1\/ops\/jobs\/([^/]+)\/(replay|cancel)$/, ({ m }) => void Object.assign(jobs.find((j) => j.id === m[1]), { state: 'ready' })],
    ['GET', /^\/v1\/ops\/users$/, () => ({ items: [{ id: id(501), display_name: 'Jun Park', handle: 'jun', guest: false, roles: ['viewer'], created_at_ms: now }] })],
    ['PUT', /^\/v1\/ops\/users\/([^/]+)\/roles$/, () => undefined],
  ];
}
