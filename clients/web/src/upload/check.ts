/** What can be said about a file before its first byte is sent. */

import type { Limits } from '../api';
import { t } from '../messages';

/** Used until the server has told its own. */
export const USUAL_LIMITS: Limits = {
  max_bytes: 500_000_000,
  max_duration_ms: 180_000,
  accepted: ['mp4', 'mov', 'm4v', 'webm', 'mkv', '3gp'],
};

const extensionOf = (name: string): string => /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';

/** A sentence for the person, or nothing where the file may be sent. */
export function refusal(file: { name: string; size: number; type: string }, limits: Limits): string | null {
  if (file.size === 0) return t.upload.emptyFile(file.name);
  if (file.size > limits.max_bytes) return t.upload.tooLarge(file.name, file.size, limits.max_bytes);
  const known = limits.accepted.map((x) => x.toLowerCase()).includes(extensionOf(file.name));
  if (!known) return t.upload.notVideo(file.name, limits.accepted);
  return null;
}

/** The server takes 100; lists show fewer. */
const TITLE_MAX = 80;

const TAG = /#([\p{L}\p{N}_]{1,64})/gu;

/** Hashtags of a caption, lowercase, each once, in order. */
export function hashtagsOf(caption: string): string[] {
  return [...new Set([...caption.matchAll(TAG)].map((m) => (m[1] ?? '').toLowerCase()))];
}

/** The title shown in lists: the first line of the caption, without its hashtags. */
export function titleOf(caption: string): string {
  const line = caption.split('\n')[0] ?? '';
  const words = line.replace(TAG, '').replace(/\s+/g, ' ').trim();
  return words.length > TITLE_MAX ? `${words.slice(0, TITLE_MAX - 1).trimEnd()}…` : words;
}

export interface Cut {
  startMs: number;
  endMs: number;
  mute: boolean;
  /** Time in the source; `null` = chosen by the server. */
  coverMs: number | null;
}

/** The transform as the API wants it: only what differs from the source; the cover in published time. */
export function transformOf(cut: Cut, durationMs: number) {
  const transform: { trim_start_ms?: number; trim_end_ms?: number; mute?: boolean; cover_at_ms?: number } = {};
  if (cut.startMs > 0) transform.trim_start_ms = Math.round(cut.startMs);
  if (durationMs && cut.endMs < durationMs - 50) transform.trim_end_ms = Math.round(cut.endMs);
  if (cut.mute) transform.mute = true;
  if (cut.coverMs !== null) {
    const last = Math.max(0, (cut.endMs || durationMs) - cut.startMs - 1);
    transform.cover_at_ms = Math.round(Math.min(Math.max(0, cut.coverMs - cut.startMs), last));
  }
  return Object.keys(transform).length ? transform : undefined;
}
