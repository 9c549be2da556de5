/** One video, edge to edge, with everything one can do to it. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { FeedItem } from '../api';
import { format, t } from '../messages';
import { reducedMotion, showText, wantsSound } from '../shell/preferences';
import { Button, Waiting } from '../ui';
import { AlertIcon, PauseIcon, PlayIcon, VolumeOffIcon, HeartIcon } from '../ui/icons';
import { gestures } from './gestures';
import { Poster } from './Poster';
import { Rail } from './Rail';
import { Scrubber } from './Scrubber';
import type { Stage } from './stage';
import type { FeedStore } from './store';

interface Props {
  item: FeedItem;
  position: number;
  total: number;
  active: boolean;
  near: boolean;
  stage: Stage;
  store: FeedStore;
  onMenu: () => void;
}

/** Wider than this, a picture is shown whole over its own blur instead of being cropped. */
const COVER_BELOW = 0.64;

function fitOf(item: FeedItem): 'cover' | 'contain' {
  const width = item.playback?.width ?? item.width ?? 9;
  const height = item.playback?.height ?? item.height ?? 16;
  return width / height <= COVER_BELOW ? 'cover' : 'contain';
}

export function Slide({ item, position, total, active, near, stage, store, onMenu }: Props) {
  const name = item.owner.display_name;
  const fit = fitOf(item);
  return (
    <article
      class="slide"
      data-video={item.id}
      data-active={active ? 'true' : undefined}
      aria-label={t.feed.video(name, item.caption || item.title)}
      aria-posinset={position + 1}
      aria-setsize={total}
      {...{ inert: !active }}
    >
      {near && (
        <div class="slide-frame" data-fit={fit}>
          {fit === 'contain' && (
            <div class="slide-backdrop" aria-hidden="true">
              <Poster url={item.playback?.poster_url} blurhash={item.playback?.blurhash} eager={active} />
            </div>
          )}
          <Poster url={item.playback?.poster_url} blurhash={item.playback?.blurhash} eager fit={fit} />
          <Media id={item.id} stage={stage} />
          <div class="slide-shade" aria-hidden="true" />
          <Surface item={item} stage={stage} store={store} active={active} onMenu={onMenu} />
          <div class="slide-low">
            <Words item={item} />
            <Rail item={item} store={store} stage={stage} onMenu={onMenu} />
          </div>
          {active && <Scrubber item={item} stage={stage} />}
        </div>
      )}
    </article>
  );
}

function Media({ id, stage }: { id: string; stage: Stage }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    stage.host(id, host.current);
    return () => stage.host(id, null);
  }, [id, stage]);
  return <div class="slide-media" ref={host} />;
}

function Surface({ item, stage, store, active, onMenu }: Pick<Props, 'item' | 'stage' | 'store' | 'active' | 'onMenu'>) {
  const ref = useRef<HTMLDivElement>(null);
  const [burst, setBurst] = useState<{ x: number; y: number; n: number } | null>(null);
  const now = useRef(item);
  now.current = item;
  useEffect(() => {
    const surface = ref.current;
    if (!surface || !active) return;
    return gestures(surface, {
      tap: () => void stage.toggle(),
      doubleTap: (x, y) => {
        const box = surface.getBoundingClientRect();
        if (!reducedMotion()) setBurst({ x: x - box.left, y: y - box.top, n: Date.now() });
        void store.like(now.current, true);
      },
      longPress: onMenu,
    });
  }, [active, stage, store]);

  const phase = active ? stage.phase.value : 'poster';
  const paused = active && stage.paused.value;
  const silent = active && !stage.sounding.value && item.playback?.has_audio !== false;
  return (
    <>
      <div class="slide-surface" ref={ref} />
      {active && phase !== 'error' && (paused ? <PausedMark /> : null)}
      {burst && (
        <span class="burst" key={burst.n} style={{ left: `${burst.x}px`, top: `${burst.y}px` }} onAnimationEnd={() => setBurst(null)} aria-hidden="true">
          <HeartIcon size={96} filled />
        </span>
      )}
      {silent && phase !== 'error' && (
        <button type="button" class="tap-for-sound" onClick={() => { wantsSound.value = true; stage.sound(true); }}>
          <VolumeOffIcon size={18} />
          {t.feed.tapForSound}
        </button>
      )}
      {active && (phase === 'stalled' || phase === 'poster') && !paused && (
        <div class="slide-wait" key={phase}>
          <Waiting />
        </div>
      )}
      {active && phase === 'error' && <PlaybackError stage={stage} />}
    </>
  );
}

function PausedMark() {
  return (
    <span class="paused-mark" aria-hidden="true">
      <PauseIcon size={40} filled />
    </span>
  );
}

function PlaybackError({ stage }: { stage: Stage }) {
  return (
    <div class="slide-error" role="alert">
      <AlertIcon size={32} />
      <h2>{t.feed.cannotPlay}</h2>
      <p>{t.feed.cannotPlayText}</p>
      <Button look="quiet" onClick={() => stage.again()}>
        <PlayIcon size={18} />
        {t.app.retry}
      </Button>
    </div>
  );
}

function Words({ item }: { item: FeedItem }) {
  const caption = useRef<HTMLParagraphElement>(null);
  const [long, setLong] = useState(false);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const p = caption.current;
    if (p) setLong(p.scrollHeight > p.clientHeight + 2);
  }, [item.caption]);
  if (!showText.value) return <div class="slide-text" />;
  const tags = item.hashtags.filter((tag) => !item.caption.toLowerCase().includes(`#${tag.toLowerCase()}`));
  return (
    <div class="slide-text" data-open={open ? 'true' : undefined}>
      <a class="slide-name" href={`/u/${item.owner.id}`}>
        {item.owner.display_name}
      </a>
      {item.published_at_ms ? <span class="slide-when"> · {format.ago(item.published_at_ms)}</span> : null}
      {(item.caption || item.title) && (
        <p class="slide-caption" ref={caption}>
          <Tagged text={item.caption || item.title} owner={item.owner.id} />
          {tags.length > 0 && ' '}
          {tags.map((tag) => (
            <TagLink key={tag} tag={tag} owner={item.owner.id} />
          ))}
        </p>
      )}
      {!item.caption && !item.title && tags.length > 0 && (
        <p class="slide-caption">
          {tags.map((tag) => (
            <TagLink key={tag} tag={tag} owner={item.owner.id} />
          ))}
        </p>
      )}
      {(long || open) && (
        <button type="button" class="slide-more" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t.feed.less : t.feed.more}
        </button>
      )}
    </div>
  );
}

const TAG = /(#[\p{L}\p{N}_]+)/gu;

function Tagged({ text, owner }: { text: string; owner: string }) {
  return <>{text.split(TAG).map((part, i) => (i % 2 ? <TagLink key={i} tag={part.slice(1)} owner={owner} /> : part))}</>;
}

function TagLink({ tag, owner }: { tag: string; owner: string }) {
  return (
    <>
      <a class="slide-tag" href={`/u/${owner}?tag=${encodeURIComponent(tag.toLowerCase())}`}>
        #{tag}
      </a>{' '}
    </>
  );
}
