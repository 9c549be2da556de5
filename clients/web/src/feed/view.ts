/** One look at one video: how long, how far, how well. Ends as `view_end` or `skip`. */

import { record } from '../events/queue';
import type { FeedItem } from '../api';
import { countsAsView } from './policy';

export class View {
  private readonly started = performance.now();
  private dwellMs = 0;
  private watchedMs = 0;
  private runningSince: number | null = null;
  private lastTime: number | null = null;
  private loops = 0;
  private rebuffers = 0;
  private rebufferMs = 0;
  private kbps: number | undefined;
  private told = false;
  private frameAt: number | null = null;
  private over = false;

  constructor(
    private readonly item: FeedItem,
    private readonly source: string,
  ) {
    record('impression', { ...this.names(), duration_ms: this.durationMs(), source });
  }

  private names() {
    return { video_id: this.item.id, impression_id: this.item.impression_id || undefined };
  }

  private durationMs(): number {
    return Math.round(this.item.duration_ms ?? 0);
  }

  firstFrame(primed: boolean): number {
    if (this.frameAt !== null) return this.frameAt;
    this.frameAt = primed ? 0 : Math.round(performance.now() - this.started);
    record('first_frame', { ...this.names(), value_ms: this.frameAt, time_to_first_frame_ms: this.frameAt, preload_hit: primed, kbps: this.kbps });
    return this.frameAt;
  }

  /** Whether the video is visible and playing now. */
  running(now: boolean): void {
    if (now && this.runningSince === null) this.runningSince = performance.now();
    if (!now && this.runningSince !== null) {
      this.dwellMs += performance.now() - this.runningSince;
      this.runningSince = null;
    }
  }

  private dwell(): number {
    return Math.round(this.dwellMs + (this.runningSince === null ? 0 : performance.now() - this.runningSince));
  }

  /** Called as media time advances; jumps (seek, loop) are not watched. */
  time(seconds: number): void {
    if (this.lastTime !== null) {
      const step = seconds - this.lastTime;
      if (step > 0 && step < 2) this.watchedMs += step * 1000;
      else if (step < -1 && seconds < 1) this.loops += 1;
    }
    this.lastTime = seconds;
    if (!this.told && countsAsView(this.dwell(), this.watchedMs, this.durationMs())) {
      this.told = true;
      this.pulse();
    }
  }

  /** What was seen since the impression, all told; the server keeps the largest. */
  private facts() {
    const duration_ms = this.durationMs();
    const watched_ms = Math.round(this.watchedMs);
    const loops = Math.max(this.loops, duration_ms ? Math.floor(watched_ms / duration_ms) : 0);
    return { ...this.names(), dwell_ms: this.dwell(), watched_ms, duration_ms, loops };
  }

  /** Tells how far it is, for the case that the end is never told. */
  pulse(): void {
    record('dwell', this.facts());
  }

  rebuffer(ms: number): void {
    this.rebuffers += 1;
    this.rebufferMs += ms;
    record('rebuffer', { ...this.names(), value_ms: ms, rebuffer_duration_ms: ms, rebuffer_count: this.rebuffers });
  }

  bitrate(kbps: number): void {
    this.kbps = kbps;
  }

  error(code: string): void {
    record('error', { ...this.names(), code: code.slice(0, 64) });
  }

  end(how: { direction?: 'next' | 'previous'; muted: boolean }): void {
    if (this.over) return;
    this.over = true;
    this.running(false);
    const facts = this.facts();
    const { dwell_ms, watched_ms, duration_ms } = facts;
    record('view_end', {
      ...facts,
      percent_complete: duration_ms ? Math.min(100, Math.round((watched_ms / duration_ms) * 100)) : undefined,
      rebuffer_count: this.rebuffers,
      rebuffer_duration_ms: this.rebufferMs,
      selected_bitrate_kbps: this.kbps,
      time_to_first_frame_ms: this.frameAt ?? undefined,
      volume_state: how.muted ? 'muted' : 'on',
      source: this.source,
    });
    if (how.direction && !countsAsView(dwell_ms, watched_ms, duration_ms)) record('skip', { ...facts, dir: how.direction });
  }
}
