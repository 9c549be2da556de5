/** Who uses this browser: the stored session, guest entry, and refresh that happens once. */

import { computed, signal } from '@preact/signals';
import { deviceId, deviceName } from './device';
import { Problem, asProblem, offlineProblem, readProblem } from './problem';
import type { Role, Session, User } from './types';

interface Stored {
  access_token: string;
  refresh_token: string;
  expires_at_ms: number;
  user: User;
}

const KEY = 'signal.session';
/** A token this close to its end is renewed first. */
const RENEW_AHEAD_MS = 30_000;

const stored = signal<Stored | null>(read());
/** Set when a sign-in ended without the person asking for it. */
export const endedUnasked = signal(false);

export const user = computed<User | null>(() => stored.value?.user ?? null);
export const isGuest = computed(() => stored.value?.user.guest ?? true);
export function hasRole(role: Role): boolean {
  return stored.value?.user.roles.includes(role) ?? false;
}

function read(): Stored | null {
  try {
    const text = localStorage.getItem(KEY);
    return text ? (JSON.parse(text) as Stored) : null;
  } catch {
    return null;
  }
}

function write(value: Stored | null): void {
  stored.value = value;
  try {
    if (value) localStorage.setItem(KEY, JSON.stringify(value));
    else localStorage.removeItem(KEY);
  } catch {
    // Without storage the session lives as long as the tab.
  }
}

globalThis.addEventListener?.('storage', (event) => {
  if (event.key === KEY) stored.value = read();
});

export function adopt(session: Session): void {
  endedUnasked.value = false;
  write({
    access_token: session.access_token,
    refresh_token: session.refresh_token,
    expires_at_ms: Date.now() + session.expires_in_s * 1000,
    user: session.user,
  });
}

export function updateUser(next: User): void {
  if (stored.value) write({ ...stored.value, user: { ...stored.value.user, ...next } });
}

export function forget(): void {
  write(null);
}

async function post(path: string, body: unknown): Promise<Session> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch {
    throw offlineProblem();
  }
  if (!response.ok) throw await readProblem(response);
  return (await response.json()) as Session;
}

/** One tab at a time: a refresh token is good for one use, and a second use ends the session. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  if (navigator.locks) return (await navigator.locks.request('signal.session', work)) as T;
  return work();
}

async function renew(failed: string | undefined): Promise<string> {
  return alone(async () => {
    const now = read() ?? stored.value;
    if (now && now.access_token !== failed && now.expires_at_ms - Date.now() > RENEW_AHEAD_MS) {
      stored.value = now; // Another tab was faster.
      return now.access_token;
    }
    if (now) {
      try {
        const session = await post('/v1/auth/refresh', { refresh_token: now.refresh_token, device_id: deviceId() });
        adopt(session);
        return session.access_token;
      } catch (error) {
        const problem = asProblem(error);
        if (problem.temporary) throw problem;
        endedUnasked.value = !now.user.guest;
        write(null);
      }
    }
    const session = await post('/v1/auth/guest', { device_id: deviceId(), device_name: deviceName() });
    const ended = endedUnasked.value;
    adopt(session);
    endedUnasked.value = ended;
    return session.access_token;
  });
}

let pending: Promise<string> | null = null;

/** A token good for the next request; a stranger becomes a guest on the way. */
export function accessToken(failed?: string): Promise<string> {
  const now = stored.value;
  if (now && now.access_token !== failed && now.expires_at_ms - Date.now() > RENEW_AHEAD_MS) {
    return Promise.resolve(now.access_token);
  }
  pending ??= renew(failed).finally(() => {
    pending = null;
  });
  return pending;
}

/** The token at hand, for beacons that cannot wait. */
export function currentToken(): string | undefined {
  return stored.value?.access_token;
}

export function isProblem(error: unknown, slug: string): boolean {
  return error instanceof Problem && error.slug === slug;
}
