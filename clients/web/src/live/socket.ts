/** News of one's own videos as they happen. After a gap everybody who listens is told to ask again. */

import { house, asProblem } from '../api';
import type { Failure, Status, Verdict } from '../api';
import { backoffMs, sleep, whenOnline } from '../shell/network';

export interface VideoNews {
  video_id: string;
  status: Status;
  status_text?: string;
  progress_percent?: number | null;
  failure?: Failure | null;
  verdict?: Verdict | null;
  at_ms: number;
}

interface Message extends Partial<VideoNews> {
  type: 'hello' | 'video_status' | 'ping' | 'resync';
  seq?: number;
  missed?: boolean;
}

type Listener = { news: (news: VideoNews) => void; resync: () => void };

/** The server pings; silence for this long means the line is dead. */
const SILENCE_MS = 75_000;

const listeners = new Set<Listener>();
let socket: WebSocket | null = null;
let running = false;
let since: number | null = null;
let quiet: ReturnType<typeof setTimeout> | undefined;

export function follow(listener: Listener): () => void {
  listeners.add(listener);
  if (!running) void run();
  return () => {
    listeners.delete(listener);
    if (!listeners.size) socket?.close(1000);
  };
}

function heard(): void {
  clearTimeout(quiet);
  quiet = setTimeout(() => socket?.close(4000), SILENCE_MS);
}

function take(text: string): void {
  let message: Message;
  try {
    message = JSON.parse(text) as Message;
  } catch {
    return;
  }
  if (typeof message.seq === 'number') since = message.seq;
  if (message.type === 'video_status' && message.video_id) {
    for (const l of [...listeners]) l.news(message as VideoNews);
  } else if (message.type === 'resync' || (message.type === 'hello' && message.missed)) {
    for (const l of [...listeners]) l.resync();
  }
}

async function connect(): Promise<void> {
  const { ticket } = await house.wsTicket();
  const url = new URL('/v1/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.set('ticket', ticket);
  if (since !== null) url.searchParams.set('since', String(since));
  await new Promise<void>((resolve, reject) => {
    const ws = new WebSocket(url);
    let opened = false;
    socket = ws;
    ws.onopen = () => {
      opened = true;
      heard();
    };
    ws.onmessage = (event) => {
      heard();
      take(String(event.data));
    };
    ws.onclose = () => {
      clearTimeout(quiet);
      socket = null;
      if (opened) resolve();
      else reject(new TypeError('the socket did not open'));
    };
  });
}

async function run(): Promise<void> {
  running = true;
  let attempt = 0;
  let first = true;
  while (listeners.size) {
    try {
      await whenOnline();
      // A lost line may have lost news; without a sequence only asking again is safe.
      if (!first && since === null) for (const l of [...listeners]) l.resync();
      first = false;
      const opened = Date.now();
      await connect();
      if (Date.now() - opened > 10_000) attempt = 0;
    } catch (error) {
      if (asProblem(error).status === 404) break; // A server without push: pages poll.
    }
    if (!listeners.size) break;
    await sleep(400 + backoffMs(attempt++));
  }
  running = false;
}
