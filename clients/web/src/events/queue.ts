/**
 * What happened, kept until the server has it.
 *
 * Every page load is its own epoch with sequence numbers from 1, so that two tabs never share a
 * number and the server can drop what it already has. The queue lives in localStorage; a tab
 * holds a lock on its epoch, and what a dead tab left behind is sent by the next one.
 */

import { deviceId } from '../api/device';
import { readProblem } from '../api/problem';
import { accessToken, currentToken } from '../api/session';
import { backoffMs, whenOnline } from '../shell/network';

export type EventType =
  | 'impression'
  | 'dwell'
  | 'view_end'
  | 'like'
  | 'unlike'
  | 'share'
  | 'skip'
  | 'first_frame'
  | 'rebuffer'
  | 'playback'
  | 'error';

export interface EventFields {
  video_id?: string;
  impression_id?: string;
  dwell_ms?: number;
  watched_ms?: number;
  duration_ms?: number;
  [more: string]: string | number | boolean | null | undefined;
}

export interface QueuedEvent extends EventFields {
  seq: number;
  type: EventType;
  ts: number;
}

const PREFIX = 'signal.events.';
const FLUSH_AFTER_MS = 5_000;
const FLUSH_AT = 20;
/** The most the server takes in one batch is 500; ours stay small. */
const BATCH = 100;
/** The most kept on this device. */
const KEEP = 5_000;
/** Browsers share about 64 KiB among all beacons. */
const BEACON_BYTES = 56 * 1024;

const epoch = Date.now();
let seq = 0;
let queue: QueuedEvent[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
let sending = false;
let failures = 0;
let notBefore = 0;

const key = (e: number) => `${PREFIX}${e}`;

function store(e: number, events: QueuedEvent[]): void {
  try {
    if (events.length) localStorage.setItem(key(e), JSON.stringify(events));
    else localStorage.removeItem(key(e));
  } catch {
    // Storage full or off: the queue lives in memory.
  }
}

export function record(type: EventType, fields: EventFields): void {
  seq += 1;
  queue.push({ seq, type, ts: Date.now(), ...fields });
  if (queue.length > KEEP) queue = queue.slice(-KEEP);
  store(epoch, queue);
  if (queue.length >= FLUSH_AT) void flush();
  else timer ??= setTimeout(() => void flush(), FLUSH_AFTER_MS);
}

function body(e: number, events: QueuedEvent[], token?: string): string {
  return JSON.stringify({ device: deviceId(), epoch: e, sent_at: Date.now(), token, events });
}

async function send(e: number, events: QueuedEvent[]): Promise<void> {
  const token = await accessToken();
  const response = await fetch('/v1/events', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: body(e, events),
  });
  if (response.ok) return;
  if (response.status === 401) {
    await accessToken(token);
    throw new TypeError('renewed');
  }
  const problem = await readProblem(response);
  if (problem.retryAfterS) notBefore = Date.now() + problem.retryAfterS * 1000;
  if (problem.temporary || response.status === 408) throw problem;
  // The batch itself is refused: sending it again would be refused again.
}

export async function flush(): Promise<void> {
  clearTimeout(timer);
  timer = undefined;
  if (sending || !queue.length) return;
  sending = true;
  try {
    await whenOnline();
    while (queue.length) {
      const wait = notBefore - Date.now();
      if (wait > 0) await new Promise((r) => setTimeout(r, wait));
      const batch = queue.slice(0, BATCH);
      const end = batch[batch.length - 1]?.seq ?? 0;
      await send(epoch, batch);
      queue = queue.filter((x) => x.seq > end);
      store(epoch, queue);
      failures = 0;
    }
  } catch {
    failures += 1;
    timer ??= setTimeout(() => void flush(), 1_000 + backoffMs(failures));
  } finally {
    sending = false;
  }
}

/** The page may be gone in a moment: hand over what fits. It stays stored; the server drops doubles. */
function beacon(): void {
  const token = currentToken();
  if (!queue.length || !token || !navigator.sendBeacon) return;
  // Oldest first: the server's window closes behind the newest number it has seen.
  let batch = queue.slice(0, BATCH);
  let text = body(epoch, batch, token);
  while (text.length > BEACON_BYTES && batch.length > 1) {
    batch = batch.slice(0, Math.floor(batch.length / 2));
    text = body(epoch, batch, token);
  }
  navigator.sendBeacon('/v1/events', new Blob([text], { type: 'text/plain' }));
}

async function adoptLeftovers(): Promise<void> {
  if (!navigator.locks) return;
  const epochs: number[] = [];
  for (let i = 0; i < localStorage.length; i++) {
    const name = localStorage.key(i);
    if (name?.startsWith(PREFIX)) epochs.push(Number(name.slice(PREFIX.length)));
  }
  for (const e of epochs.filter((x) => x !== epoch && Number.isFinite(x))) {
    await navigator.locks.request(key(e), { ifAvailable: true }, async (lock) => {
      if (!lock) return; // Its tab is alive.
      try {
        let left = JSON.parse(localStorage.getItem(key(e)) ?? '[]') as QueuedEvent[];
        while (left.length) {
          await send(e, left.slice(0, BATCH));
          left = left.slice(BATCH);
          store(e, left);
        }
        store(e, []);
      } catch {
        // Another time.
      }
    });
  }
}

/** Runs just before the page hides, so that open views can be closed into the queue. */
const closers = new Set<() => void>();
export function beforeHide(run: () => void): () => void {
  closers.add(run);
  return () => closers.delete(run);
}

export function start(): void {
  void navigator.locks?.request(key(epoch), () => new Promise(() => undefined));
  const hide = () => {
    for (const run of closers) run();
    beacon();
  };
  addEventListener('pagehide', hide);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') hide();
    else void flush();
  });
  addEventListener('online', () => void flush());
  setTimeout(() => void adoptLeftovers().catch(() => undefined), 4_000);
}
