/** Safari and others that play HLS by themselves. They choose rungs alone; we only say when to load. */

import type { Playback } from '../api';
import { ElementPlayer, type PlayerKit, type PrepareOptions } from './player';

export class NativePlayer extends ElementPlayer implements PlayerKit {
  private url = '';

  prepare(playback: Playback, _options: PrepareOptions): void {
    this.release();
    this.packageId = playback.package_id;
    this.url = playback.multivariant_url;
    this.element.poster = '';
    this.awaitFirstFrame();
    this.element.onerror = () => this.handlers.error?.(`media_${this.element.error?.code ?? 0}`, true);
    this.element.onprogress = () => {
      const { buffered, duration } = this.element;
      const end = buffered.length ? buffered.end(buffered.length - 1) : 0;
      if (duration && end >= duration - 0.3) this.handlers.comfortable?.();
    };
  }

  load(): void {
    if (this.url && !this.element.src) this.element.src = this.url;
  }

  focus(): void {
    this.load();
  }

  blur(): void {
    this.pause();
  }

  cap(): void {}
  downshift(): void {}
  quality() {
    return { rungs: [], chosen: null };
  }
  choose(): void {}
  estimateKbps() {
    return undefined;
  }
  selectedKbps() {
    return undefined;
  }

  release(): void {
    this.reset();
    this.url = '';
    this.element.onerror = null;
    this.element.onprogress = null;
    if (this.element.src) {
      this.element.removeAttribute('src');
      this.element.load();
    }
  }
}
