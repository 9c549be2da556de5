/** "You": who I am here, my videos with their status as it changes, and what I liked, saved and watched. */

import { useEffect } from 'preact/hooks';
import { people, session, videos as videoApi, type Shelf, type Video } from '../api';
import { t, format } from '../messages';
import { navigate, type Route } from '../router';
import { follow } from '../live/socket';
import { tasks } from '../upload/store';
import { unsay } from '../ui/toast';
import { Avatar, Button, IconButton, LinkButton, ProblemState, State } from '../ui';
import { usePaged } from '../ui/paged';
import { BookmarkIcon, ClockIcon, HeartIcon, SettingsIcon, VideoIcon } from '../ui/icons';
import { Grid, GridSkeleton } from './Grid';
import { inFlight } from './status';

const SHELVES: Shelf[] = ['videos', 'likes', 'saves', 'history'];
const NAMES: Record<Shelf, string> = { videos: t.studio.videos, likes: t.studio.likes, saves: t.studio.saves, history: t.studio.history };
/** News come by push; this is for the day push does not. */
const POLL_MS = 15_000;

export default function StudioPage({ route }: { route: Route }) {
  const asked = route.query.get('shelf') as Shelf | null;
  const shelf: Shelf = asked && SHELVES.includes(asked) ? asked : 'videos';
  const user = session.user.value;
  useEffect(() => {
    unsay(t.upload.started);
    void people.me().catch(() => undefined);
  }, []);
  return (
    <div class="page wide">
      <header class="page-head me-head">
        {user && <Avatar id={user.id} name={user.display_name || t.app.me} size={64} />}
        <div class="grow">
          <h1 class="clip">{user?.guest ? t.studio.title : (user?.display_name ?? t.studio.title)}</h1>
          {user && !user.guest && <p class="muted small clip">@{user.handle}</p>}
        </div>
        <IconButton label={t.app.settings} onClick={() => navigate('/settings')}>
          <SettingsIcon />
        </IconButton>
      </header>
      {user?.guest && (
        <div class="notice me-guest">
          <div class="grow">
            <strong>{t.studio.guestTitle}</strong>
            <p class="small">{t.studio.guestText}</p>
          </div>
          <LinkButton small href="/signin?new=1">
            {t.studio.createAccount}
          </LinkButton>
          <LinkButton small look="text" href="/signin">
            {t.app.signIn}
          </LinkButton>
        </div>
      )}
      <div class="tabs" role="tablist" aria-label={t.studio.shelves}>
        {SHELVES.map((name) => (
          <button
            key={name}
            type="button"
            class="tab"
            role="tab"
            id={`tab-${name}`}
            aria-selected={shelf === name}
            aria-controls="shelf"
            tabIndex={shelf === name ? 0 : -1}
            onClick={() => navigate(name === 'videos' ? '/me' : `/me?shelf=${name}`, { replace: true })}
            onKeyDown={(e) => {
              const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
              const next = step && SHELVES[(SHELVES.indexOf(shelf) + step + SHELVES.length) % SHELVES.length];
              if (!next) return;
              navigate(next === 'videos' ? '/me' : `/me?shelf=${next}`, { replace: true });
              document.getElementById(`tab-${next}`)?.focus();
            }}
          >
            {NAMES[name]}
          </button>
        ))}
      </div>
      <div id="shelf" role="tabpanel" aria-labelledby={`tab-${shelf}`}>
        <ShelfView key={shelf + (user?.id ?? '')} shelf={shelf} />
      </div>
    </div>
  );
}

function ShelfView({ shelf }: { shelf: Shelf }) {
  const list = usePaged<Video>(shelf, (cursor) => people.shelf(shelf, cursor));
  const own = shelf === 'videos';
  const items = list.items;
  const sent = tasks.value.filter((x) => x.stage === 'sent').length;
  useEffect(() => {
    if (own && items) list.reload(); // A fresh upload belongs at the top.
  }, [sent]);
  useEffect(() => {
    if (!own) return;
    return follow({
      news: (news) => {
        list.set((now) =>
          now.map((v) =>
            v.id === news.video_id
              ? { ...v, status: news.status, progress_percent: news.progress_percent ?? null, failure: news.failure ?? v.failure, verdict: news.verdict ?? v.verdict }
              : v,
          ),
        );
        // The moment it is live there is more to know: cover, length, link.
        if (news.status === 'published' || news.status === 'unlisted') {
          void videoApi.get(news.video_id).then(
            (full) => list.set((now) => (now.some((v) => v.id === full.id) ? now.map((v) => (v.id === full.id ? full : v)) : [full, ...now])),
            () => undefined,
          );
        }
      },
      resync: list.reload,
    });
  }, [own]);
  const waiting = own && (items ?? []).some((v) => inFlight(v.status));
  useEffect(() => {
    if (!waiting) return;
    const timer = setInterval(list.reload, POLL_MS);
    return () => clearInterval(timer);
  }, [waiting]);

  if (list.error && !items) return <ProblemState error={list.error} onRetry={list.reload} />;
  if (!items) return <GridSkeleton />;
  const shown = own ? items.filter((v) => v.status !== 'removed' && v.status !== 'erased') : items;
  if (!shown.length) return <EmptyShelf shelf={shelf} />;
  return (
    <>
      <Grid videos={shown} own={own} label={NAMES[shelf]} href={(v) => (own ? `/me/videos/${v.id}` : `/watch/${v.id}`)} />
      {list.hasMore && (
        <div class="more-row">
          <Button look="quiet" disabled={list.loading} onClick={list.more}>
            {t.app.loadMore}
          </Button>
        </div>
      )}
    </>
  );
}

function EmptyShelf({ shelf }: { shelf: Shelf }) {
  const faces = {
    videos: [<VideoIcon />, t.studio.emptyVideosTitle, t.studio.emptyVideosText],
    likes: [<HeartIcon />, t.studio.emptyLikesTitle, t.studio.emptyLikesText],
    saves: [<BookmarkIcon />, t.studio.emptySavesTitle, t.studio.emptySavesText],
    history: [<ClockIcon />, t.studio.emptyHistoryTitle, t.studio.emptyHistoryText],
  } as const;
  const [icon, title, text] = faces[shelf];
  return (
    <State icon={icon} title={title} text={text}>
      {shelf === 'videos' ? <LinkButton href="/upload">{t.studio.uploadFirst}</LinkButton> : <LinkButton href="/">{t.studio.watch}</LinkButton>}
    </State>
  );
}

export const counters = (v: Video): string =>
  [t.studio.counters.views(v.counts.views), t.studio.counters.likes(v.counts.likes), t.studio.counters.shares(v.counts.shares)].join(' · ');
export const seconds = (ms: number): string => `${format.decimal(ms / 1000)} s`;
