/** The seed's PlayerKit: what a feed needs of a player, whoever plays. */

import type { Playback } from '../api';

export interface PlayerEvents {
  firstFrame: () => void;
  rebufferStart: () => void;
  rebufferEnd: (durationMs: number) => void;
  bitrateChange: (kbps: number, rung: number) => void;
  /** Everything up to the end is loaded, or comfortably much. */
  comfortable: () => void;
  ended: () => void;
  error: (code: string, fatal: boolean) => void;
}

export interface PrepareOptions {
  startRung: number;
  capRung: number | null;
  estimateKbps: number | undefined;
  /** Only this much is loaded until the video becomes the current one. */
  aheadS: number;
}

export interface PlayerKit {
  readonly element: HTMLVideoElement;
  readonly packageId: string | null;
  prepare(playback: Playback, options: PrepareOptions): void;
  /** Starts loading segments of a prepared video. */
  load(): void;
  /** This is the video on the screen now: load all of it. */
  focus(): void;
  /** Leaves the screen: stop loading, keep what is there. */
  blur(): void;
  play(): Promise<void>;
  pause(): void;
  seek(ms: number): void;
  /** `null` clears the cap. */
  cap(rung: number | null): void;
  downshift(): void;
  quality(): { rungs: number[]; chosen: number | null };
  choose(rung: number | null): void;
  estimateKbps(): number | undefined;
  selectedKbps(): number | undefined;
  on<K extends keyof PlayerEvents>(event: K, run: PlayerEvents[K]): void;
  /** Lets go of the video; the element can be used for the next one. */
  release(): void;
}

/** The part every player shares: the element and what can be heard from it. */
export abstract class ElementPlayer {
  readonly element: HTMLVideoElement;
  packageId: string | null = null;
  protected handlers: Partial<PlayerEvents> = {};
  protected shown = false;
  private stalledAt: number | null = null;

  constructor(element: HTMLVideoElement) {
    this.element = element;
    element.playsInline = true;
    element.loop = true;
    element.muted = true;
    element.preload = 'auto';
    element.disablePictureInPicture = true;
    element.tabIndex = -1;
    element.setAttribute('aria-hidden', 'true');
    element.addEventListener('waiting', () => this.stall());
    element.addEventListener('playing', () => this.flow());
    element.addEventListener('timeupdate', () => this.flow());
    element.addEventListener('pause', () => this.flow());
    element.addEventListener('ended', () => this.handlers.ended?.());
  }

  on<K extends keyof PlayerEvents>(event: K, run: PlayerEvents[K]): void {
    this.handlers[event] = run;
  }

  play(): Promise<void> {
    return this.element.play();
  }

  pause(): void {
    this.element.pause();
  }

  seek(ms: number): void {
    const { duration } = this.element;
    const to = ms / 1000;
    this.element.currentTime = Number.isFinite(duration) ? Math.min(Math.max(0, to), Math.max(0, duration - 0.05)) : Math.max(0, to);
  }

  protected awaitFirstFrame(): void {
    this.shown = false;
    this.stalledAt = null;
    const mine = this.packageId;
    const done = () => {
      if (this.shown || mine !== this.packageId) return;
      this.shown = true;
      this.element.dataset['shown'] = 'true';
      this.handlers.firstFrame?.();
    };
    delete this.element.dataset['shown'];
    if ('requestVideoFrameCallback' in this.element) this.element.requestVideoFrameCallback(done);
    else (this.element as HTMLVideoElement).addEventListener('loadeddata', done, { once: true });
  }

  /** Forgets listeners of the video before. */
  protected reset(): void {
    this.handlers = {};
    this.shown = false;
    this.stalledAt = null;
    this.packageId = null;
    delete this.element.dataset['shown'];
  }

  private stall(): void {
    const { element } = this;
    // A seek or the loop back to the start is not a rebuffer.
    if (!this.shown || this.stalledAt !== null || element.paused || element.seeking || element.currentTime < 0.1) return;
    this.stalledAt = performance.now();
    this.handlers.rebufferStart?.();
  }

  private flow(): void {
    if (this.stalledAt === null || (this.element.readyState < 3 && !this.element.paused)) return;
    const took = performance.now() - this.stalledAt;
    this.stalledAt = null;
    this.handlers.rebufferEnd?.(Math.round(took));
  }
}
