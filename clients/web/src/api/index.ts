/** Every endpoint the app uses, by name. */

import { request } from './client';
import { deviceId, deviceName } from './device';
import { accessToken, adopt, currentToken, forget, updateUser, user } from './session';
import type * as T from './types';

const id = encodeURIComponent;

export const feed = {
  page: (cursor: string | null, limit = 10) => request<T.FeedPage>('/v1/feed', { query: { limit, cursor } }),
  notInterested: (video: string) => request<void>(`/v1/videos/${id(video)}/not-interested`, { method: 'POST', body: {} }),
  hideOwner: (owner: string) => request<void>(`/v1/users/${id(owner)}/hide`, { method: 'POST', body: {} }),
};

export const videos = {
  get: (video: string, key?: string | null) => request<T.Video>(`/v1/videos/${id(video)}`, { query: { key } }),
  change: (video: string, body: Partial<Pick<T.Video, 'title' | 'caption' | 'hashtags' | 'visibility'>>) =>
    request<T.Video>(`/v1/videos/${id(video)}`, { method: 'PATCH', body }),
  remove: (video: string) => request<void>(`/v1/videos/${id(video)}`, { method: 'DELETE' }),
  restore: (video: string) => request<void>(`/v1/videos/${id(video)}/restore`, { method: 'POST', body: {} }),
  appeal: (video: string, message: string) => request<void>(`/v1/videos/${id(video)}/appeal`, { method: 'POST', body: { message } }),
  retry: (video: string) => request<void>(`/v1/videos/${id(video)}/retry`, { method: 'POST', body: {} }),
  cover: (video: string) => request<T.CoverStatus>(`/v1/videos/${id(video)}/cover`),
  sendCover: (video: string, file: Blob) => request<T.CoverStatus>(`/v1/videos/${id(video)}/cover`, { method: 'PUT', file, timeoutMs: 120_000 }),
  removeCover: (video: string) => request<void>(`/v1/videos/${id(video)}/cover`, { method: 'DELETE' }),
  like: (video: string, on: boolean) =>
    request<{ liked: boolean; likes: number }>(`/v1/videos/${id(video)}/like`, { method: on ? 'PUT' : 'DELETE' }),
  save: (video: string, on: boolean) => request<{ saved: boolean }>(`/v1/videos/${id(video)}/save`, { method: on ? 'PUT' : 'DELETE' }),
  share: (video: string) => request<{ url: string; shares: number }>(`/v1/videos/${id(video)}/share`, { method: 'POST', body: {} }),
  report: (video: string, reason_code: string, message?: string) =>
    request<void>(`/v1/videos/${id(video)}/report`, { method: 'POST', body: { reason_code, message } }),
};

export type Shelf = 'videos' | 'likes' | 'saves' | 'history';

export const people = {
  me: async () => {
    const user = await request<T.User>('/v1/me');
    updateUser(user);
    return user;
  },
  /** Roles may have been given since the last sign-in; the token must carry them too. */
  renewRoles: async () => {
    await accessToken();
    const before = user.value?.roles.join();
    const me = await people.me();
    if (me.roles.join() !== before) await accessToken(currentToken());
  },
  changeMe: async (body: Partial<Pick<T.User, 'display_name' | 'handle' | 'bio'>>) => {
    const user = await request<T.User>('/v1/me', { method: 'PATCH', body });
    updateUser(user);
    return user;
  },
  shelf: (shelf: Shelf, cursor: string | null) => request<T.Page<T.Video>>(`/v1/me/${shelf}`, { query: { cursor, limit: 24 } }),
  get: (user: string) => request<T.User>(`/v1/users/${id(user)}`),
  videos: (user: string, cursor: string | null) => request<T.Page<T.Video>>(`/v1/users/${id(user)}/videos`, { query: { cursor, limit: 24 } }),
};

export const auth = {
  register: async (email: string, password: string, display_name: string) =>
    adopt(await request<T.Session>('/v1/auth/register', { method: 'POST', body: { email, password, display_name, device_id: deviceId(), device_name: deviceName() } })),
  login: async (email: string, password: string) =>
    adopt(await request<T.Session>('/v1/auth/login', { method: 'POST', body: { email, password, device_id: deviceId(), device_name: deviceName() } })),
  operator: async (code: string) =>
    adopt(await request<T.Session>('/v1/auth/operator', { method: 'POST', body: { code, device_id: deviceId(), device_name: deviceName() } })),
  logout: async () => {
    try {
      await request<void>('/v1/auth/logout', { method: 'POST', body: {} });
    } finally {
      forget();
      await accessToken();
    }
  },
  devices: () => request<{ items: T.Device[] }>('/v1/auth/devices'),
  revoke: (device: string) => request<void>(`/v1/auth/devices/${id(device)}`, { method: 'DELETE' }),
};

export const uploads = {
  limits: () => request<T.Limits>('/v1/uploads/limits'),
  open: () => request<{ items: T.UploadState[] } | T.UploadState[]>('/v1/uploads'),
  create: (body: T.NewUpload, key: string) =>
    request<T.UploadTicket>('/v1/uploads', { method: 'POST', body, headers: { 'idempotency-key': key } }),
  sign: (upload: string, parts: { number: number; size_bytes?: number }[]) =>
    request<{ parts: T.SignedPart[] }>(`/v1/uploads/${id(upload)}/parts`, { method: 'POST', body: { parts } }),
  state: (upload: string) => request<T.UploadState>(`/v1/uploads/${id(upload)}`),
  complete: (upload: string) =>
    request<{ video_id: string; status: T.Status }>(`/v1/uploads/${id(upload)}/complete`, { method: 'POST', body: {}, timeoutMs: 120_000 }),
  abort: (upload: string) => request<void>(`/v1/uploads/${id(upload)}`, { method: 'DELETE' }),
};

export const moderation = {
  queue: (cursor: string | null) => request<T.Page<T.QueueItem> & { handled_today?: number }>('/v1/moderation/queue', { query: { cursor } }),
  review: (video: string) => request<T.Review>(`/v1/moderation/videos/${id(video)}`),
  decide: (video: string, body: { decision: 'approve' | 'reject' | 'escalate'; reason_code?: string; reason?: string }) =>
    request<unknown>(`/v1/moderation/videos/${id(video)}/decision`, { method: 'POST', body }),
  decideCover: (video: string, body: { n: number; decision: 'approve' | 'reject'; reason_code?: string; reason?: string }) =>
    request<unknown>(`/v1/moderation/videos/${id(video)}/cover/decision`, { method: 'POST', body }),
  undo: (video: string) => request<void>(`/v1/moderation/videos/${id(video)}/undo`, { method: 'POST', body: {} }),
  reasons: () => request<{ items: T.ReasonOption[] } | T.ReasonOption[]>('/v1/moderation/reasons'),
};

export const ops = {
  summary: () => request<T.OpsSummary>('/v1/ops/summary'),
  jobs: (state: string, kind: string | null, cursor: string | null) =>
    request<T.Page<T.Job>>('/v1/ops/jobs', { query: { state, kind, cursor } }),
  replay: (job: string) => request<void>(`/v1/ops/jobs/${id(job)}/replay`, { method: 'POST', body: {} }),
  cancel: (job: string) => request<void>(`/v1/ops/jobs/${id(job)}/cancel`, { method: 'POST', body: {} }),
  users: (query: string) => request<{ items: T.User[] }>('/v1/ops/users', { query: { query } }),
  roles: (user: string, roles: T.Role[]) => request<void>(`/v1/ops/users/${id(user)}/roles`, { method: 'PUT', body: { roles } }),
};

export const house = {
  config: () => request<T.ClientConfig>('/v1/config'),
  startDemo: () => request<T.DemoProgress>('/v1/demo', { method: 'POST', body: {} }),
  demo: () => request<T.DemoProgress>('/v1/demo'),
  wsTicket: () => request<{ ticket: string; expires_in_s: number }>('/v1/ws/ticket', { method: 'POST', body: {} }),
};

export { asProblem, Problem } from './problem';
export * as session from './session';
export type * from './types';
