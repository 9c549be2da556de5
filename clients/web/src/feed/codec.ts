/** Which of a video's codecs is played: AV1 where the browser plays it, H.264 everywhere. */

import type { Rung } from '../api';

export type Codec = 'avc1' | 'av01';

const video = (codecs: string): string => codecs.split(',').find((c) => /^(avc|av01)/.test(c.trim()))?.trim() ?? '';
const isAv1 = (codecs: string): boolean => video(codecs).startsWith('av01');
const sizes = (rungs: Rung[]): number[] => rungs.map((r) => r.rung).sort((a, b) => a - b);

/**
 * One codec for a whole playback, and its rungs by size. AV1 only where every rung of it plays and it has one to
 * start with.
 */
export function chooseLadder(
  rungs: Rung[],
  startRung: number,
  isSupported: (type: string) => boolean,
): { codec: Codec; rungs: number[] } {
  const av1 = rungs.filter((r) => isAv1(r.codecs));
  const h264 = rungs.filter((r) => !isAv1(r.codecs));
  const plays = av1.every((r) => isSupported(`video/mp4; codecs="${video(r.codecs)}"`));
  const starts = av1.some((r) => r.rung <= startRung);
  // A video that is still growing may have a size in H.264 alone.
  const reaches = Math.max(0, ...sizes(av1)) >= Math.max(0, ...sizes(h264));
  if (av1.length && plays && starts && reaches) return { codec: 'av01', rungs: sizes(av1) };
  return { codec: 'avc1', rungs: sizes(h264) };
}

/** Whether a level of the player belongs to the ladder that was chosen. */
export function isLevelOf(codec: Codec, levelCodec: string | undefined): boolean {
  return isAv1(levelCodec ?? '') === (codec === 'av01');
}
