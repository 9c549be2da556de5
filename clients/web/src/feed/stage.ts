/**
 * Three players for a list of any length. The current video is loaded whole; the next one gets
 * its playlist after the first frame and its first seconds once the current one is comfortable.
 */

import { signal } from '@preact/signals';
import type { FeedItem } from '../api';
import { beforeHide } from '../events/queue';
import { dataSaver, hasWatched, wantsSound } from '../shell/preferences';
import { HlsPlayer, loadEngine } from './hls-player';
import { NativePlayer } from './native-player';
import type { PlayerKit } from './player';
import { policy, startRung } from './policy';
import { View } from './view';

export type Phase = 'poster' | 'playing' | 'stalled' | 'error';

interface Slot {
  player: PlayerKit;
  id: string | null;
}

/** What playback learned in this session; shared by all lists. */
const session: { estimateKbps: number | undefined; lockRung: number | null } = { estimateKbps: undefined, lockRung: null };

const canUseMse = typeof MediaSource !== 'undefined' || 'ManagedMediaSource' in globalThis;
const newElement = () => document.createElement('video');

export class Stage {
  readonly phase = signal<Phase>('poster');
  readonly paused = signal(false);
  /** The sound as it is, which may differ from what is wanted until the first tap. */
  readonly sounding = signal(false);
  readonly current = signal<string | null>(null);
  /** The element on the screen, for the progress line. */
  readonly element = signal<HTMLVideoElement | null>(null);
  private slots: Slot[] = [];
  private hosts = new Map<string, HTMLElement>();
  private item: FeedItem | null = null;
  private next: FeedItem | null = null;
  private view: View | null = null;
  private rebuffersAt: number[] = [];
  private frameAt = 0;
  private slow: ReturnType<typeof setTimeout> | undefined;
  private awake = true;
  private comfortable = false;
  private readonly stops: (() => void)[] = [];

  constructor(private readonly source: string) {
    if (canUseMse) void loadEngine().catch(() => undefined);
    this.stops.push(beforeHide(() => this.pulse()));
    const visible = () => this.wake(document.visibilityState === 'visible' && this.awake);
    document.addEventListener('visibilitychange', visible);
    this.stops.push(() => document.removeEventListener('visibilitychange', visible));
    this.stops.push(wantsSound.subscribe((on) => this.sound(on)));
  }

  private makePlayer(): PlayerKit {
    return canUseMse ? new HlsPlayer(newElement()) : new NativePlayer(newElement());
  }

  host(id: string, element: HTMLElement | null): void {
    if (!element) return void this.hosts.delete(id);
    this.hosts.set(id, element);
    const slot = this.slots.find((s) => s.id === id);
    if (slot && slot.player.element.parentElement !== element) element.prepend(slot.player.element);
  }

  private slotFor(item: FeedItem, keep: string[]): Slot {
    const have = this.slots.find((s) => s.id === item.id);
    if (have) return have;
    let slot = this.slots.find((s) => s.id === null);
    if (!slot && this.slots.length < policy.pool) {
      slot = { player: this.makePlayer(), id: null };
      this.slots.push(slot);
    }
    slot ??= this.slots.find((s) => !keep.includes(s.id ?? '')) ?? this.slots[0];
    if (!slot) throw new Error('a stage has at least one player');
    slot.player.release();
    slot.id = item.id;
    return slot;
  }

  private prepare(item: FeedItem, keep: string[]): Slot | null {
    if (!item.playback) return null;
    const slot = this.slotFor(item, keep);
    if (slot.player.packageId !== item.playback.package_id) {
      slot.player.prepare(item.playback, {
        startRung: startRung(session.estimateKbps, item.playback.start_rung, dataSaver.value),
        capRung: this.capRung(),
        estimateKbps: session.estimateKbps,
        aheadS: policy.nextAheadS,
      });
    }
    const host = this.hosts.get(item.id);
    if (host && slot.player.element.parentElement !== host) host.prepend(slot.player.element);
    return slot;
  }

  private capRung(): number | null {
    const saver = dataSaver.value ? policy.saverRung : Infinity;
    const cap = Math.min(saver, session.lockRung ?? Infinity);
    return Number.isFinite(cap) ? cap : null;
  }

  /** The list settled on `item`; `next` is what a swipe would bring. */
  show(item: FeedItem | null, next: FeedItem | null, direction?: 'next' | 'previous'): void {
    this.next = next;
    if (item && this.item?.id === item.id) {
      const late = !this.item.playback && item.playback;
      this.item = item;
      if (late) this.begin(item);
      else if (this.comfortable) this.preload();
      return;
    }
    this.leave(direction);
    this.item = item;
    this.current.value = item?.id ?? null;
    if (item) this.begin(item);
  }

  private leave(direction?: 'next' | 'previous'): void {
    clearTimeout(this.slow);
    this.view?.end({ direction, muted: !this.sounding.value });
    this.view = null;
    const slot = this.slots.find((s) => s.id === this.item?.id);
    if (slot) {
      session.estimateKbps = slot.player.estimateKbps() ?? session.estimateKbps;
      slot.player.blur();
    }
    this.item = null;
    this.element.value = null;
    this.paused.value = false;
    this.comfortable = false;
    this.phase.value = 'poster';
  }

  private begin(item: FeedItem): void {
    this.view ??= new View(item, this.source);
    const slot = this.prepare(item, [item.id, this.next?.id ?? '']);
    if (!slot) return;
    const { player } = slot;
    this.rebuffersAt = [];
    this.element.value = player.element;
    this.listen(player, item);
    const primed = player.element.dataset['shown'] === 'true';
    player.focus();
    if (primed) this.firstFrame(player, true);
    else this.slow = setTimeout(() => player.downshift(), policy.slowFirstFrameMs);
    if (this.playsNow()) void this.start(player);
  }

  private listen(player: PlayerKit, item: FeedItem): void {
    const mine = () => this.item?.id === item.id;
    player.on('firstFrame', () => mine() && this.firstFrame(player, false));
    player.on('comfortable', () => {
      if (!mine()) return;
      this.comfortable = true;
      this.preload();
    });
    player.on('bitrateChange', (kbps) => mine() && this.view?.bitrate(kbps));
    player.on('rebufferStart', () => {
      if (!mine()) return;
      this.phase.value = 'stalled';
      this.view?.running(false);
    });
    player.on('rebufferEnd', (ms) => mine() && this.stalled(player, ms));
    player.on('error', (code, fatal) => {
      if (!mine()) return;
      this.view?.error(code);
      if (fatal) this.phase.value = 'error';
    });
    const { element } = player;
    element.ontimeupdate = () => mine() && this.view?.time(element.currentTime);
    element.onplaying = () => {
      if (!mine()) return;
      this.view?.running(true);
      if (this.phase.value === 'stalled') this.phase.value = 'playing';
    };
    // A source attached late pauses the element; what should play, plays.
    element.oncanplay = () => {
      if (mine() && element.paused && this.playsNow()) void this.start(player);
    };
    element.onpause = () => mine() && this.view?.running(false);
  }

  private playsNow(): boolean {
    return !this.paused.value && this.awake && document.visibilityState === 'visible';
  }

  private firstFrame(player: PlayerKit, primed: boolean): void {
    clearTimeout(this.slow);
    this.frameAt = performance.now();
    this.view?.firstFrame(primed);
    hasWatched.value = true;
    this.phase.value = 'playing';
    player.cap(this.capRung());
    if (!player.element.paused) this.view?.running(true);
    if (this.next && !dataSaver.value) this.prepare(this.next, [this.item?.id ?? '', this.next.id]);
  }

  private stalled(player: PlayerKit, ms: number): void {
    if (this.phase.value === 'stalled') this.phase.value = 'playing';
    if (!player.element.paused) this.view?.running(true);
    if (ms < policy.rebufferMinMs) return;
    this.view?.rebuffer(ms);
    this.rebuffersAt.push(performance.now() - this.frameAt);
    if (this.rebuffersAt.filter((at) => at <= policy.lockWithinMs + ms).length >= policy.lockAfterRebuffers) {
      session.lockRung = policy.lockRung;
      for (const s of this.slots) s.player.cap(this.capRung());
    }
  }

  private preload(): void {
    if (!this.next || dataSaver.value || !this.item) return;
    this.prepare(this.next, [this.item.id, this.next.id])?.player.load();
  }

  private async start(player: PlayerKit): Promise<void> {
    const { element } = player;
    element.muted = !(wantsSound.value && this.item?.playback?.has_audio !== false);
    try {
      await player.play();
    } catch (error) {
      if (!element.muted && (error as DOMException).name === 'NotAllowedError') {
        element.muted = true; // Sound needs a tap first; picture does not.
        await player.play().catch(() => (this.paused.value = true));
      } else if ((error as DOMException).name === 'NotAllowedError') {
        this.paused.value = true;
      }
    }
    if (element === this.element.value) this.sounding.value = !element.muted;
  }

  private player(): PlayerKit | null {
    return this.slots.find((s) => s.id === this.item?.id)?.player ?? null;
  }

  toggle(): boolean {
    const player = this.player();
    if (!player) return false;
    this.paused.value = !this.paused.value;
    if (this.paused.value) player.pause();
    else void this.start(player);
    return this.paused.value;
  }

  sound(on: boolean): void {
    const element = this.element.value;
    this.sounding.value = on && !!element && this.item?.playback?.has_audio !== false;
    if (!element) return;
    element.muted = !on;
    if (on && !this.paused.value && this.awake) void element.play().catch(() => (element.muted = true));
  }

  seek(ms: number): void {
    this.player()?.seek(ms);
  }

  seekBy(ms: number): void {
    const element = this.element.value;
    if (element) this.seek(element.currentTime * 1000 + ms);
  }

  quality() {
    return this.player()?.quality() ?? { rungs: [], chosen: null };
  }

  choose(rung: number | null): void {
    this.player()?.choose(rung);
  }

  /** Loads the current video again after an error. */
  again(): void {
    const { item } = this;
    if (!item) return;
    const slot = this.slots.find((s) => s.id === item.id);
    slot?.player.release();
    this.phase.value = 'poster';
    this.begin(item);
  }

  /** Another screen lies over the feed, or the page is hidden. */
  setAwake(on: boolean): void {
    this.awake = on;
    this.wake(on && document.visibilityState === 'visible');
  }

  private wake(on: boolean): void {
    const player = this.player();
    if (!player || !this.item) return;
    if (!on) {
      player.pause();
      this.view?.running(false);
    } else {
      this.view ??= new View(this.item, this.source);
      if (!this.paused.value) void this.start(player);
    }
  }

  /** The page may never come back: what was seen so far is told now. */
  private pulse(): void {
    this.view?.running(false);
    this.view?.pulse();
  }

  dispose(): void {
    this.leave();
    for (const stop of this.stops) stop();
    for (const slot of this.slots) {
      slot.player.release();
      slot.player.element.remove();
    }
    this.slots = [];
  }
}
