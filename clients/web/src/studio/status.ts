/** The words of the pipeline in plain language. One place, used by every list, chip and dock. */

import type { Status, Video } from '../api';
import { format, t } from '../messages';

export type Tone = 'good' | 'warn' | 'bad' | 'busy' | '';

const TONES: Partial<Record<Status, Tone>> = {
  reserved: 'busy',
  uploaded: 'busy',
  judging: 'busy',
  in_review: 'warn',
  approved: 'busy',
  encoding: 'busy',
  verifying: 'busy',
  published: 'good',
  unlisted: 'good',
  rejected: 'bad',
  failed: 'bad',
};

export const inFlight = (status: Status): boolean => ['uploaded', 'judging', 'approved', 'encoding', 'verifying', 'in_review'].includes(status);
export const isLive = (status: Status): boolean => status === 'published' || status === 'unlisted';
export const toneOf = (status: Status): Tone => TONES[status] ?? '';

type Known = Pick<Video, 'status' | 'visibility' | 'progress_percent'>;

export function chipText(video: Known): string {
  if (isLive(video.status) && video.visibility === 'private') return t.status.private;
  if (isLive(video.status) && video.visibility === 'unlisted') return t.status.chip.unlisted;
  const text = t.status.chip[video.status];
  return showsProgress(video) ? t.status.withProgress(text, format.percent(video.progress_percent ?? 0)) : text;
}

export function statusText(video: Known): string {
  if (isLive(video.status) && video.visibility === 'private') return t.status.privateLive;
  if (isLive(video.status) && video.visibility === 'unlisted') return t.status.unlisted;
  const text = t.status[video.status];
  return showsProgress(video) ? t.status.withProgress(text, format.percent(video.progress_percent ?? 0)) : text;
}

function showsProgress(video: Known): boolean {
  return video.progress_percent != null && ['reserved', 'judging', 'encoding'].includes(video.status) && video.progress_percent > 0;
}

/** How many of the four steps (uploaded, checked, prepared, live) are done. */
export function stepsDone(status: Status): number {
  if (status === 'reserved') return 0;
  if (['uploaded', 'judging', 'in_review', 'rejected', 'failed'].includes(status)) return 1;
  if (['approved', 'encoding', 'verifying'].includes(status)) return 2;
  return isLive(status) ? 4 : 0;
}
