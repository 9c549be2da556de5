/** The progress line: two pixels, growing under a finger, with pictures of where it leads. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { FeedItem, Sprite } from '../api';
import { format, t } from '../messages';
import { policy } from './policy';
import type { Stage } from './stage';

function durationOf(item: FeedItem, element: HTMLVideoElement | null): number {
  if (item.duration_ms) return item.duration_ms;
  const seconds = element?.duration ?? 0;
  return Number.isFinite(seconds) ? seconds * 1000 : 0;
}

export function Scrubber({ item, stage }: { item: FeedItem; stage: Stage }) {
  const fill = useRef<HTMLSpanElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const [second, setSecond] = useState(0);
  const element = stage.element.value;
  const total = durationOf(item, element);

  useEffect(() => {
    if (!element || at !== null) return;
    let frame = 0;
    const tick = () => {
      const length = durationOf(item, element);
      const share = length ? Math.min(1, (element.currentTime * 1000) / length) : 0;
      if (fill.current) fill.current.style.transform = `scaleX(${share})`;
      setSecond(Math.floor(element.currentTime));
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  }, [element, at === null, item.duration_ms]);

  const place = (e: PointerEvent): number => {
    const box = bar.current?.getBoundingClientRect();
    if (!box) return 0;
    const rtl = getComputedStyle(document.documentElement).direction === 'rtl';
    const share = Math.min(1, Math.max(0, (e.clientX - box.left) / box.width));
    const ms = (rtl ? 1 - share : share) * total;
    if (fill.current) fill.current.style.transform = `scaleX(${total ? ms / total : 0})`;
    return ms;
  };
  const release = (commit: boolean) => {
    if (at !== null && commit) stage.seek(at);
    setAt(null);
  };
  const onKey = (e: KeyboardEvent) => {
    const step = { ArrowLeft: -policy.seekStepMs, ArrowRight: policy.seekStepMs }[e.key];
    if (e.key === 'Home') stage.seek(0);
    else if (e.key === 'End') stage.seek(total);
    else if (step) stage.seekBy(step);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const shown = at ?? second * 1000;
  return (
    <div
      class="scrubber"
      ref={bar}
      role="slider"
      tabIndex={0}
      aria-label={t.feed.seek}
      aria-valuemin={0}
      aria-valuemax={Math.round(total / 1000)}
      aria-valuenow={Math.round(shown / 1000)}
      aria-valuetext={`${format.clock(shown)} / ${format.clock(total)}`}
      data-held={at === null ? undefined : 'true'}
      onKeyDown={onKey}
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId);
        setAt(place(e));
      }}
      onPointerMove={(e) => at !== null && setAt(place(e))}
      onPointerUp={() => release(true)}
      onPointerCancel={() => release(false)}
    >
      {at !== null && <Preview at={at} total={total} sprite={item.playback?.sprite} />}
      <span class="scrubber-line">
        <span ref={fill} />
      </span>
    </div>
  );
}

const PREVIEW_HEIGHT = 148;

function Preview({ at, total, sprite }: { at: number; total: number; sprite: Sprite | null | undefined }) {
  const share = total ? at / total : 0;
  const width = sprite ? Math.round((sprite.tile_width / sprite.tile_height) * PREVIEW_HEIGHT) : 0;
  const half = Math.max(48, width / 2) + 8;
  const tile = sprite ? Math.min(sprite.tiles - 1, Math.floor(at / sprite.cadence_ms)) : 0;
  const scale = sprite ? PREVIEW_HEIGHT / sprite.tile_height : 1;
  return (
    <div class="scrub-preview" style={{ insetInlineStart: `clamp(${half}px, ${share * 100}%, calc(100% - ${half}px))` }}>
      {sprite && (
        <span
          class="scrub-tile"
          style={{
            width: `${width}px`,
            height: `${PREVIEW_HEIGHT}px`,
            backgroundImage: `url("${sprite.url}")`,
            backgroundSize: `${sprite.columns * sprite.tile_width * scale}px ${sprite.rows * sprite.tile_height * scale}px`,
            backgroundPosition: `${-(tile % sprite.columns) * sprite.tile_width * scale}px ${-Math.floor(tile / sprite.columns) * sprite.tile_height * scale}px`,
          }}
        />
      )}
      <span class="scrub-time">
        {format.clock(at)} <span>/ {format.clock(total)}</span>
      </span>
    </div>
  );
}
