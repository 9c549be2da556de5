/** The list that snaps: one video a screen, by touch, wheel and keys. */

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { videos } from '../api';
import { t } from '../messages';
import { reducedMotion, wantsSound } from '../shell/preferences';
import { announce } from '../ui/toast';
import { IconButton } from '../ui';
import { DownIcon, UpIcon } from '../ui/icons';
import { Menu } from './Menu';
import { policy } from './policy';
import { Slide } from './Slide';
import { Stage } from './stage';
import type { FeedStore } from './store';
import './feed.css';

interface Props {
  store: FeedStore;
  source: string;
  /** Whether this list is what the person looks at. */
  active: boolean;
  /** What stands behind the last video. */
  end?: ComponentChildren;
}

export function FeedList({ store, source, active, end }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const stage = useMemo(() => new Stage(source), [source]);
  const [menu, setMenu] = useState<'list' | 'keys' | null>(null);
  const items = store.items.value;
  const index = store.index.value;
  const item = items[index] ?? null;
  const last = useRef(index);

  useEffect(() => () => stage.dispose(), [stage]);
  useEffect(() => stage.setAwake(active), [active, stage]);
  useEffect(() => {
    if (!active && !item) return;
    const direction = index === last.current ? undefined : index > last.current ? 'next' : 'previous';
    last.current = index;
    stage.show(item, items[index + 1] ?? null, direction);
    if (direction && item) announce(t.feed.video(item.owner.display_name, item.caption || item.title));
  }, [item, items[index + 1], index, stage]);
  useDescriptors(store);
  const go = useSnap(scroller, store, active);
  useKeys(active && menu === null, { stage, store, go, onHelp: () => setMenu('keys') });

  const idle = useIdle(active);
  const total = items.length + (end ? 1 : 0);
  return (
    <div class="feed on-video" data-idle={idle && !stage.paused.value ? 'true' : undefined}>
      <div class="feed-scroll" ref={scroller} role="feed" aria-label={t.feed.label} aria-busy={store.loading.value}>
        {items.map((x, i) => (
          <Slide
            key={x.id}
            item={x}
            position={i}
            total={items.length}
            active={i === index && active}
            near={Math.abs(i - index) <= policy.keepSlides}
            stage={stage}
            store={store}
            onMenu={() => setMenu('list')}
          />
        ))}
        {end && (
          <article class="slide slide-end" aria-label={t.feed.endTitle} {...{ inert: index !== items.length }}>
            {end}
          </article>
        )}
      </div>
      {total > 1 && (
        <div class="feed-arrows">
          <IconButton label={t.feed.previous} disabled={index === 0} onClick={() => go(index - 1)}>
            <UpIcon />
          </IconButton>
          <IconButton label={t.feed.next} disabled={index >= total - 1} onClick={() => go(index + 1)}>
            <DownIcon />
          </IconButton>
        </div>
      )}
      {menu && item && <Menu item={item} store={store} stage={stage} start={menu} onClose={() => setMenu(null)} />}
    </div>
  );
}

/** Whether nobody touched anything for a while. */
function useIdle(on: boolean): boolean {
  const [idle, setIdle] = useState(false);
  useEffect(() => {
    if (!on) return;
    let timer: ReturnType<typeof setTimeout>;
    const stir = () => {
      setIdle(false);
      clearTimeout(timer);
      timer = setTimeout(() => setIdle(true), policy.idleMs);
    };
    const signs = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchmove', 'focusin'];
    for (const sign of signs) addEventListener(sign, stir, { passive: true });
    stir();
    return () => {
      clearTimeout(timer);
      for (const sign of signs) removeEventListener(sign, stir);
    };
  }, [on]);
  return idle;
}

/** Cards without a startup descriptor get theirs when they come near. */
function useDescriptors(store: FeedStore): void {
  const asked = useRef(new Set<string>());
  const index = store.index.value;
  const near = store.items.value.slice(index, index + 2);
  useEffect(() => {
    for (const x of near) {
      if (x.playback || asked.current.has(x.id)) continue;
      asked.current.add(x.id);
      videos.get(x.id).then(
        (full) => store.patch(x.id, { playback: full.playback, duration_ms: full.duration_ms }),
        () => undefined,
      );
    }
  }, [near.map((x) => x.id).join()]);
}

function useSnap(ref: { current: HTMLDivElement | null }, store: FeedStore, active: boolean): (index: number) => void {
  useEffect(() => {
    const box = ref.current;
    if (!box || !active) return;
    let frame = 0;
    const place = () => {
      box.style.scrollBehavior = 'auto';
      box.scrollTop = store.index.value * box.clientHeight;
      box.style.scrollBehavior = '';
    };
    const onScroll = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        if (box.clientHeight) store.move(Math.max(0, Math.round(box.scrollTop / box.clientHeight)));
      });
    };
    place();
    // A rotated phone or a resized window keeps its video.
    const resized = new ResizeObserver(place);
    resized.observe(box);
    box.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      resized.disconnect();
      box.removeEventListener('scroll', onScroll);
    };
  }, [active, store, store.generation.value]);
  return (index) => {
    const box = ref.current;
    box?.scrollTo({ top: index * box.clientHeight, behavior: reducedMotion() ? 'auto' : 'smooth' });
  };
}

interface KeyContext {
  stage: Stage;
  store: FeedStore;
  go: (index: number) => void;
  onHelp: () => void;
}

function useKeys(on: boolean, context: KeyContext): void {
  const now = useRef(context);
  now.current = context;
  useEffect(() => {
    if (!on) return;
    const onKey = (e: KeyboardEvent) => {
      const target = e.target as HTMLElement | null;
      if (e.ctrlKey || e.metaKey || e.altKey || target?.closest('input, textarea, select, dialog')) return;
      const button = target?.closest('button, a');
      const { stage, store, go, onHelp } = now.current;
      const item = store.items.value[store.index.value];
      const act: Record<string, () => void> = {
        arrowdown: () => go(store.index.value + 1),
        pagedown: () => go(store.index.value + 1),
        j: () => go(store.index.value + 1),
        arrowup: () => go(store.index.value - 1),
        pageup: () => go(store.index.value - 1),
        k: () => go(store.index.value - 1),
        arrowleft: () => stage.seekBy(-policy.seekStepMs),
        arrowright: () => stage.seekBy(policy.seekStepMs),
        m: () => {
          wantsSound.value = !stage.sounding.value;
          stage.sound(wantsSound.value);
          announce(wantsSound.value ? t.feed.soundOn : t.feed.soundOff);
        },
        l: () => item && void store.like(item, !item.liked),
        s: () => item && void store.save(item, !item.saved),
        '?': onHelp,
      };
      if (!button) act[' '] = () => announce(stage.toggle() ? t.feed.paused : t.feed.play);
      const run = act[e.key.toLowerCase()];
      if (!run) return;
      e.preventDefault();
      run();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [on]);
}
