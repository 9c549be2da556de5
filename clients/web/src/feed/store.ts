/** The list being swiped: pages, place, and what the viewer does to each video. */

import { signal, type Signal } from '@preact/signals';
import { asProblem, feed, people, videos, type FeedItem, type Problem, type Video } from '../api';
import { record } from '../events/queue';
import { t } from '../messages';
import { announce, toast } from '../ui/toast';
import { policy } from './policy';

const KEY = 'signal.feed';

interface Kept {
  items: FeedItem[];
  cursor: string | null;
  ended: boolean;
  at: number;
  user: string | undefined;
}

interface Batch {
  items: FeedItem[];
  next_cursor: string | null;
  exhausted?: boolean;
}

export class FeedStore {
  readonly items: Signal<FeedItem[]> = signal([]);
  readonly index = signal(0);
  readonly loading = signal(false);
  readonly ended = signal(false);
  readonly problem = signal<Problem | null>(null);
  /** Grows when the list starts over, so that the screen scrolls to its top. */
  readonly generation = signal(0);
  private cursor: string | null = null;
  private turn = 0;

  constructor(private readonly source: (cursor: string | null) => Promise<Batch>) {}

  async more(): Promise<void> {
    if (this.loading.value || this.ended.value) return;
    const mine = this.turn;
    this.loading.value = true;
    this.problem.value = null;
    try {
      const page = await this.source(this.cursor);
      if (mine !== this.turn) return;
      const known = new Set(this.items.value.map((x) => x.id));
      const fresh = page.items.filter((x) => !known.has(x.id));
      this.items.value = [...this.items.value, ...fresh];
      this.cursor = page.next_cursor;
      this.ended.value = !page.next_cursor || page.exhausted === true || fresh.length === 0;
    } catch (error) {
      if (mine !== this.turn) return;
      const problem = asProblem(error);
      if (problem.slug === 'invalid-cursor' && this.cursor) this.cursor = null;
      this.problem.value = problem;
    } finally {
      if (mine === this.turn) this.loading.value = false;
    }
  }

  /** Starts over with what is new. */
  async restart(items: FeedItem[] = [], ended = false): Promise<void> {
    this.turn += 1;
    this.cursor = null;
    this.loading.value = false;
    this.problem.value = null;
    this.ended.value = ended;
    this.items.value = items;
    this.index.value = 0;
    this.generation.value += 1;
    if (!items.length) await this.more();
  }

  /** Looks for what is new; the list stays as it is when there is nothing. */
  async renew(): Promise<boolean> {
    const mine = ++this.turn;
    this.loading.value = false;
    const page = await this.source(null);
    if (mine !== this.turn || !page.items.length) return false;
    await this.restart(page.items, !page.next_cursor || page.exhausted === true);
    this.cursor = page.next_cursor;
    return true;
  }

  move(index: number): void {
    if (index !== this.index.value) this.index.value = index;
    if (this.items.value.length - index <= policy.pageAhead && !this.problem.value) void this.more();
  }

  patch(id: string, change: Partial<Video>): void {
    this.items.value = this.items.value.map((x) => (x.id === id ? { ...x, ...change } : x));
  }

  drop(keep: (item: FeedItem) => boolean): void {
    this.items.value = this.items.value.filter(keep);
    this.index.value = Math.min(this.index.value, this.items.value.length);
  }

  async like(item: FeedItem, on: boolean): Promise<void> {
    if (item.liked === on) return;
    const before = item.counts.likes;
    this.patch(item.id, { liked: on, counts: { ...item.counts, likes: Math.max(0, before + (on ? 1 : -1)) } });
    announce(on ? t.feed.liked : t.feed.unliked);
    record(on ? 'like' : 'unlike', { video_id: item.id, impression_id: item.impression_id || undefined });
    try {
      const answer = await videos.like(item.id, on);
      const now = this.items.value.find((x) => x.id === item.id);
      if (now && now.liked === on) this.patch(item.id, { liked: answer.liked, counts: { ...now.counts, likes: answer.likes } });
    } catch (error) {
      if (asProblem(error).offline) return void this.later(item.id, on);
      this.patch(item.id, { liked: !on, counts: { ...item.counts, likes: before } });
      toast(t.feed.likeRefused);
    }
  }

  /** A like made without a network stands; it is sent when the network is back. */
  private later(id: string, on: boolean): void {
    addEventListener('online', () => void videos.like(id, on).catch(() => undefined), { once: true });
  }

  async save(item: FeedItem, on: boolean): Promise<void> {
    this.patch(item.id, { saved: on });
    try {
      await videos.save(item.id, on);
      toast(on ? t.feed.saved : t.feed.unsaved);
    } catch {
      this.patch(item.id, { saved: !on });
      toast(t.feed.saveRefused);
    }
  }

  async share(item: FeedItem): Promise<void> {
    record('share', { video_id: item.id, impression_id: item.impression_id || undefined });
    const fallback = new URL(`/watch/${item.id}`, location.origin).href;
    const asked = videos.share(item.id).then(
      (answer) => {
        this.patch(item.id, { counts: { ...item.counts, shares: answer.shares } });
        return new URL(answer.url, location.origin).href;
      },
      () => fallback,
    );
    const link = item.link ? new URL(item.link, location.origin).href : await asked;
    if (navigator.share && matchMedia('(pointer: coarse)').matches) {
      await navigator.share({ title: t.app.name, text: item.caption, url: link }).catch(() => undefined);
      return;
    }
    await copyLink(link);
  }

  /** Keeps the place for a closed tab. */
  keep(user: string | undefined): void {
    try {
      const from = this.index.value;
      const items = this.items.value.slice(from, from + 12);
      // The cursor stands behind all loaded items: only a list kept to its end may continue with it.
      const whole = from + 12 >= this.items.value.length;
      const kept: Kept = { items, cursor: whole ? this.cursor : null, ended: whole && this.ended.value, at: Date.now(), user };
      if (items.length > 1) localStorage.setItem(KEY, JSON.stringify(kept));
      else localStorage.removeItem(KEY);
    } catch {
      // Not kept; the feed starts fresh next time.
    }
  }

  /** Takes up the kept place; false when there is none worth it. */
  resume(user: string | undefined): boolean {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Kept | null;
      if (!kept || kept.user !== user || Date.now() - kept.at > policy.resumeWithinMs || kept.items.length < 2) return false;
      this.items.value = kept.items;
      this.cursor = kept.cursor;
      this.ended.value = false;
      return true;
    } catch {
      return false;
    }
  }
}

export async function copyLink(link: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(link);
    toast(t.app.copied);
  } catch {
    toast(t.app.copyFailed + link);
  }
}

export const forYou = new FeedStore((cursor) => feed.page(cursor));

/** Everything watched, oldest first: what "watch again" swipes through. */
export async function watchedBefore(): Promise<FeedItem[]> {
  const all: Video[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < 8; page++) {
    const answer: { items: Video[]; next_cursor: string | null } = await people.shelf('history', cursor);
    all.push(...answer.items);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  return all
    .filter((x) => x.status === 'published' || x.status === 'unlisted')
    .reverse()
    .map((x) => asItem(x));
}

export function asItem(video: Video): FeedItem {
  return { ...video, impression_id: '' };
}
