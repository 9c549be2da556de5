/** hls.js behind the PlayerKit interface. The light build is enough: sound and picture are muxed. */

import type HlsClass from 'hls.js';
import type { Playback } from '../api';
import { ElementPlayer, type PlayerKit, type PrepareOptions } from './player';
import { policy, startIndex } from './policy';
import { chooseLadder, isLevelOf } from './codec';

type Hls = InstanceType<typeof HlsClass>;

let engine: Promise<typeof HlsClass> | undefined;
/** Loads the engine once; called early so that it arrives together with the first page. */
export function loadEngine(): Promise<typeof HlsClass> {
  engine ??= import('hls.js/light').then((m) => m.default as unknown as typeof HlsClass);
  engine.catch(() => (engine = undefined));
  return engine;
}

const MEDIA_RECOVERIES = 2;

export class HlsPlayer extends ElementPlayer implements PlayerKit {
  private hls: Hls | null = null;
  private rungs: number[] = [];
  private wanted: number | null = null;
  private capped: number | null = null;
  private loading = false;
  private focused = false;
  private recoveries = 0;
  private durationS = 0;
  private turn = 0;

  prepare(playback: Playback, options: PrepareOptions): void {
    this.release();
    const mine = ++this.turn;
    this.packageId = playback.package_id;
    this.durationS = playback.segment_ms.reduce((a, b) => a + b, 0) / 1000;
    this.capped = options.capRung;
    this.awaitFirstFrame();
    loadEngine().then(
      (Engine) => {
        if (mine !== this.turn) return;
        if (!Engine.isSupported()) return this.handlers.error?.('unsupported', true);
        this.build(Engine, playback, options);
      },
      () => mine === this.turn && this.handlers.error?.('engine', true),
    );
  }

  private build(Engine: typeof HlsClass, playback: Playback, options: PrepareOptions): void {
    const ladder = chooseLadder(playback.rungs, options.startRung, (type) => Engine.getMediaSource()?.isTypeSupported(type) ?? false);
    this.rungs = ladder.rungs;
    const start = startIndex(this.rungs, options.capRung === null ? options.startRung : Math.min(options.startRung, options.capRung));
    const ahead = this.focused ? policy.currentAheadS : options.aheadS;
    const hls = new Engine({
      enableWorker: false,
      autoStartLoad: false,
      startLevel: start,
      startFragPrefetch: true,
      testBandwidth: false,
      capLevelToPlayerSize: false,
      maxBufferLength: ahead,
      maxMaxBufferLength: ahead,
      backBufferLength: policy.currentAheadS,
      abrEwmaDefaultEstimate: (options.estimateKbps ?? 1_000) * 1000,
      manifestLoadPolicy: { default: loadPolicy(8_000) },
      playlistLoadPolicy: { default: loadPolicy(8_000) },
      fragLoadPolicy: { default: loadPolicy(20_000) },
    });
    this.hls = hls;
    // "Begin around 360p, then clear the cap": nothing above the start rung before a frame stands.
    hls.autoLevelCapping = start;
    hls.on(Engine.Events.LEVEL_SWITCHED, (_e, data) => {
      const level = hls.levels[data.level];
      if (level) this.handlers.bitrateChange?.(Math.round(level.bitrate / 1000), this.rungs[data.level] ?? 0);
    });
    hls.on(Engine.Events.FRAG_BUFFERED, () => this.checkComfort());
    hls.on(Engine.Events.BUFFER_EOS, () => this.checkComfort(true));
    hls.on(Engine.Events.ERROR, (_e, data) => {
      if (!data.fatal) return;
      if (data.type === Engine.ErrorTypes.MEDIA_ERROR && this.recoveries++ < MEDIA_RECOVERIES) return hls.recoverMediaError();
      this.handlers.error?.(data.details, true);
    });
    // Before anything is loaded: hls.js never switches from one codec to another, and our indexes are of one.
    hls.on(Engine.Events.MANIFEST_PARSED, () => {
      for (let i = hls.levels.length - 1; i >= 0; i--) {
        if (!isLevelOf(ladder.codec, hls.levels[i]?.videoCodec)) hls.removeLevel(i);
      }
    });
    hls.loadSource(playback.multivariant_url);
    hls.attachMedia(this.element);
    if (this.loading) hls.once(Engine.Events.MANIFEST_PARSED, () => hls.startLoad(0));
  }

  private checkComfort(all = false): void {
    const { element } = this;
    let end = element.currentTime;
    for (let i = 0; i < element.buffered.length; i++) {
      if (element.buffered.start(i) <= end + 0.1) end = Math.max(end, element.buffered.end(i));
    }
    const ahead = end - element.currentTime;
    if (all || ahead >= policy.currentComfortS || end >= this.durationS - 0.3) this.handlers.comfortable?.();
  }

  load(): void {
    if (this.loading) return;
    this.loading = true;
    const { hls } = this;
    if (!hls) return;
    if (hls.levels.length) hls.startLoad(0);
    else hls.once('hlsManifestParsed' as Parameters<Hls['once']>[0], () => hls.startLoad(0));
  }

  focus(): void {
    this.focused = true;
    if (this.hls) {
      this.hls.config.maxBufferLength = policy.currentAheadS;
      this.hls.config.maxMaxBufferLength = policy.currentAheadS;
      if (this.loading) this.hls.startLoad(-1);
    }
    this.load();
    this.checkComfort();
  }

  blur(): void {
    this.focused = false;
    this.pause();
    this.hls?.stopLoad();
  }

  cap(rung: number | null): void {
    this.capped = rung;
    if (this.hls) this.hls.autoLevelCapping = rung === null ? -1 : startIndex(this.rungs, rung);
  }

  downshift(): void {
    const { hls } = this;
    if (!hls || this.wanted !== null) return;
    const now = Math.max(hls.loadLevel, 0);
    if (now === 0) return;
    hls.stopLoad();
    hls.autoLevelCapping = now - 1;
    hls.nextLoadLevel = now - 1;
    hls.startLoad(-1);
    hls.loadLevel = -1;
  }

  quality() {
    return { rungs: this.rungs, chosen: this.wanted };
  }

  choose(rung: number | null): void {
    this.wanted = rung;
    if (!this.hls) return;
    if (rung === null) {
      this.hls.nextLevel = -1;
      this.cap(this.capped);
    } else {
      this.hls.autoLevelCapping = -1;
      this.hls.nextLevel = startIndex(this.rungs, rung);
    }
  }

  estimateKbps(): number | undefined {
    const bps = this.hls?.bandwidthEstimate;
    return bps && Number.isFinite(bps) ? Math.round(bps / 1000) : undefined;
  }

  selectedKbps(): number | undefined {
    const level = this.hls?.levels[this.hls.currentLevel];
    return level ? Math.round(level.bitrate / 1000) : undefined;
  }

  release(): void {
    this.turn += 1;
    this.reset();
    this.loading = false;
    this.focused = false;
    this.wanted = null;
    this.recoveries = 0;
    this.hls?.destroy();
    this.hls = null;
  }
}

function loadPolicy(timeoutMs: number) {
  const retry = { maxNumRetry: 4, retryDelayMs: 400, maxRetryDelayMs: 6_000, backoff: 'exponential' as const };
  return { maxTimeToFirstByteMs: timeoutMs, maxLoadTimeMs: timeoutMs * 2, timeoutRetry: { ...retry, maxNumRetry: 2 }, errorRetry: retry };
}
