/** The numbers of playback. Each default is the seed's ("Player choice", §8). */

export const policy = {
  /** "Pool: 2–3 player instances; reuse aggressively." */
  pool: 3,
  /** "5–8 s of next clip only": how much of the next video is loaded ahead. */
  nextAheadS: 6,
  /** "fully buffer current": no video is longer than this. */
  currentAheadS: 600,
  /** The next video may load once this much of the current one is ahead, or all of it. */
  currentComfortS: 12,
  /** "begin around 400–700 kbps (360p) then clear cap". */
  startRung: 360,
  /** "360p unless strong Wi-Fi signal and > 8 Mbps probe". */
  strongKbps: 8_000,
  strongStartRung: 540,
  /** A person who asked for less data starts, and stays, low. */
  saverRung: 360,
  /** "if TFF > 1.5 s, downshift one rung". */
  slowFirstFrameMs: 1_500,
  /** "if 2 re-buffers in first 5 s, lock ≤ 540p for session". */
  lockAfterRebuffers: 2,
  lockWithinMs: 5_000,
  lockRung: 540,
  /** A stall shorter than this is nobody's business. */
  rebufferMinMs: 80,
  /** No spinner before this. */
  patienceMs: 400,
  /** Ask for the next page when so few videos are left. */
  pageAhead: 4,
  /** Slides this far from the current one keep their content. */
  keepSlides: 2,
  /** A feed left for less than this is continued where it was. */
  resumeWithinMs: 30 * 60_000,
  /** Controls step back after this much rest. */
  idleMs: 5_000,
  /** A double tap. */
  doubleTapMs: 280,
  longPressMs: 480,
  seekStepMs: 5_000,
};

/** The rung to start with: the asked one, or the nearest below, or the lowest there is. */
export function startIndex(rungs: number[], asked: number): number {
  let best = 0;
  rungs.forEach((rung, i) => {
    if (rung <= asked) best = i;
  });
  return best;
}

export function startRung(estimateKbps: number | undefined, fromServer: number, saver: boolean): number {
  if (saver) return Math.min(policy.saverRung, fromServer || policy.startRung);
  if (estimateKbps !== undefined && estimateKbps > policy.strongKbps) return policy.strongStartRung;
  return fromServer || policy.startRung;
}

/** The view rule of the seed (§8): dwell ≥ 2 s or ≥ 50 % completion. The server applies its own copy. */
export function countsAsView(dwellMs: number, watchedMs: number, durationMs: number): boolean {
  return dwellMs >= 2_000 || (durationMs > 0 && watchedMs > 0 && watchedMs * 100 >= durationMs * 50);
}
