/** Uploads under way: started, paused, waiting for the network, resumed after a reload. */

import { signal } from '@preact/signals';
import { Problem, asProblem, uploads, type NewUpload, type Status, type UploadTicket } from '../api';
import { t } from '../messages';
import { sleep } from '../shell/network';
import { toast } from '../ui/toast';
import { problemText } from '../ui';
import { dropFile, keepFile, keptFile } from './files';
import type { Sending } from './engine';

export type Stage = 'preparing' | 'uploading' | 'paused' | 'waiting' | 'finishing' | 'sent' | 'failed' | 'interrupted';

export interface Task {
  id: string;
  name: string;
  size: number;
  request: NewUpload;
  ticket: UploadTicket | null;
  stage: Stage;
  sent: number;
  /** Bytes per second, smoothed. */
  rate: number;
  message?: string;
  status?: Status;
}

const KEY = 'signal.uploads';
const SENT_SHOWN_MS = 6_000;
/** How much of the newest measurement goes into the rate. */
const SMOOTH = 0.25;

export const tasks = signal<Task[]>([]);
const running = new Map<string, { sending?: Sending; cancelled: boolean }>();
const files = new Map<string, File>();

function persist(): void {
  const keep = tasks.value.filter((x) => x.stage !== 'sent').map(({ id, name, size, request, ticket, sent }) => ({ id, name, size, request, ticket, sent }));
  try {
    localStorage.setItem(KEY, JSON.stringify(keep));
  } catch {
    // The upload itself goes on; only a reload would lose it.
  }
}

function patch(id: string, change: Partial<Task>, save = false): void {
  tasks.value = tasks.value.map((x) => (x.id === id ? { ...x, ...change } : x));
  if (save) persist();
}

const find = (id: string): Task | undefined => tasks.value.find((x) => x.id === id);

export function begin(file: File, request: NewUpload): string {
  const id = crypto.randomUUID();
  tasks.value = [{ id, name: file.name, size: file.size, request, ticket: null, stage: 'preparing', sent: 0, rate: 0 }, ...tasks.value];
  files.set(id, file);
  persist();
  void keepFile(id, file);
  void run(id, file);
  return id;
}

async function run(id: string, file: File): Promise<void> {
  const control: { sending?: Sending; cancelled: boolean } = { cancelled: false };
  running.set(id, control);
  patch(id, { stage: 'preparing', message: undefined });
  try {
    const engine = await import('./engine');
    const stopper = new AbortController();
    const hooks = { progress: meter(id), waiting: (on: boolean) => waiting(id, on) };
    let ticket = find(id)?.ticket ?? null;
    if (!ticket) {
      const task = find(id);
      if (!task) return;
      ticket = await engine.patiently(() => uploads.create(task.request, id), hooks, stopper.signal);
      patch(id, { ticket }, true);
    }
    if (control.cancelled) return;
    patch(id, { stage: 'uploading' });
    for (let round = 0; ; round++) {
      control.sending = engine.send(file, ticket, hooks);
      await control.sending.done;
      if (control.cancelled) return;
      patch(id, { stage: 'finishing', sent: file.size });
      const upload = ticket.upload_id;
      try {
        const answer = await engine.patiently(() => uploads.complete(upload), { waiting: () => undefined }, stopper.signal);
        return finish(id, answer.status);
      } catch (error) {
        // The server misses parts: it is right, and they are sent again.
        if (asProblem(error).slug !== 'upload-incomplete' || round >= 2) throw error;
        patch(id, { stage: 'uploading' });
      }
    }
  } catch (error) {
    if (!control.cancelled) fail(id, error);
  } finally {
    running.delete(id);
  }
}

function meter(id: string): (sent: number) => void {
  let lastSent: number | undefined;
  let lastAt = performance.now();
  return (sent) => {
    const now = performance.now();
    const task = find(id);
    if (!task) return;
    let { rate } = task;
    if (lastSent !== undefined && now - lastAt > 400) {
      const measured = Math.max(0, ((sent - lastSent) * 1000) / (now - lastAt));
      rate = rate ? rate * (1 - SMOOTH) + measured * SMOOTH : measured;
      lastSent = sent;
      lastAt = now;
    }
    lastSent ??= sent;
    patch(id, { sent: Math.min(sent, task.size), rate });
  };
}

function waiting(id: string, on: boolean): void {
  const stage = find(id)?.stage;
  if (on && (stage === 'uploading' || stage === 'preparing')) patch(id, { stage: 'waiting', rate: 0 });
  if (!on && stage === 'waiting') patch(id, { stage: 'uploading' });
}

function finish(id: string, status: Status): void {
  patch(id, { stage: 'sent', status }, true);
  files.delete(id);
  void dropFile(id);
  setTimeout(() => dismiss(id), SENT_SHOWN_MS);
}

function fail(id: string, error: unknown): void {
  const problem = asProblem(error);
  const ended = problem.status === 404 || problem.status === 410;
  if (ended) patch(id, { ticket: null, sent: 0 });
  const fields = problem.fields.map((f) => f.message).join(' ');
  patch(id, { stage: 'failed', message: ended ? t.upload.expired : fields || (error instanceof Problem ? problemText(problem) : t.problem.generic) }, true);
}

export function pause(id: string): void {
  running.get(id)?.sending?.pause();
  patch(id, { stage: 'paused', rate: 0 });
}

export function resume(id: string): void {
  const sending = running.get(id)?.sending;
  if (sending) {
    sending.resume();
    patch(id, { stage: 'uploading' });
    return;
  }
  const file = files.get(id);
  if (file) void run(id, file);
}

/** Goes on after a reload or a failure; `false` when the file must be picked again. */
export async function carryOn(id: string): Promise<boolean> {
  const file = files.get(id) ?? (await keptFile(id));
  if (!file) return false;
  files.set(id, file);
  void run(id, file);
  return true;
}

/** Goes on with a file picked again; refuses another one. */
export function carryOnWith(id: string, file: File): boolean {
  const task = find(id);
  if (!task || file.name !== task.name || file.size !== task.size) return false;
  files.set(id, file);
  void keepFile(id, file);
  void run(id, file);
  return true;
}

export async function cancel(id: string): Promise<void> {
  const task = find(id);
  const control = running.get(id);
  if (control) {
    control.cancelled = true;
    control.sending?.cancel();
  }
  dismiss(id);
  toast(t.upload.cancelled);
  if (task?.ticket) await uploads.abort(task.ticket.upload_id).catch(() => undefined);
}

export function dismiss(id: string): void {
  tasks.value = tasks.value.filter((x) => x.id !== id);
  files.delete(id);
  void dropFile(id);
  persist();
}

/** Reads what an earlier visit left and asks the server how much of it is safe. */
export async function recall(): Promise<void> {
  let left: Pick<Task, 'id' | 'name' | 'size' | 'request' | 'ticket' | 'sent'>[] = [];
  try {
    left = JSON.parse(localStorage.getItem(KEY) ?? '[]') as typeof left;
  } catch {
    return;
  }
  if (!left.length) return;
  await sleep(600); // The first video comes first.
  const known = new Set(tasks.value.map((x) => x.id));
  for (const task of left.filter((x) => !known.has(x.id))) {
    let { sent } = task;
    if (task.ticket) {
      try {
        const state = await uploads.state(task.ticket.upload_id);
        if (state.status === 'completed' || state.status === 'aborted') {
          void dropFile(task.id);
          continue;
        }
        sent = state.received_bytes;
      } catch (error) {
        if (!asProblem(error).temporary) {
          void dropFile(task.id);
          continue;
        }
      }
    }
    tasks.value = [...tasks.value, { ...task, sent, stage: 'interrupted', rate: 0 }];
  }
  persist();
}

addEventListener('beforeunload', (e) => {
  // Asked only while bytes are moving; what has arrived is safe either way.
  if (tasks.value.some((x) => x.stage === 'uploading' && !x.ticket)) e.preventDefault();
});
