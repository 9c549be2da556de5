/** One video by its link: what a shared address opens. */

import { useEffect, useMemo } from 'preact/hooks';
import { asProblem, session, videos } from '../api';
import { FeedList } from '../feed/FeedList';
import { FeedStore, asItem } from '../feed/store';
import { t } from '../messages';
import { goBack, type Route } from '../router';
import { IconButton, LinkButton, ProblemState, State, Waiting, useLoad } from '../ui';
import { BackIcon, ClockIcon, LockIcon, TrashIcon } from '../ui/icons';
import { statusText } from '../studio/status';

export default function WatchPage({ route }: { route: Route }) {
  const id = route.params['id'] ?? '';
  const key = route.query.get('key');
  const video = useLoad(`${id}?${key ?? ''}`, () => videos.get(id, key));
  const store = useMemo(() => new FeedStore(() => Promise.resolve({ items: [], next_cursor: null })), [id, key]);
  const value = video.value;
  useEffect(() => {
    if (value?.playback) void store.restart([asItem(value)], true);
  }, [value, store]);

  let body;
  if (video.error) body = <Missing error={video.error} onRetry={video.reload} />;
  else if (!value) body = <Waiting />;
  else if (!value.playback) body = <NotReady text={statusText(value)} mine={value.owner.id === session.user.value?.id} id={value.id} />;
  else body = store.items.value.length ? <FeedList store={store} source="link" active /> : null;
  return (
    <div class="watch feed on-video">
      <h1 class="visually-hidden">{t.share.title}</h1>
      {body}
      <div class="watch-back">
        <IconButton label={t.app.back} onClick={() => goBack('/')}>
          <BackIcon />
        </IconButton>
      </div>
    </div>
  );
}

function NotReady({ text, mine, id }: { text: string; mine: boolean; id: string }) {
  return (
    <div class="feed-face watch-face">
      <State icon={<ClockIcon />} title={t.share.notReady} text={text}>
        {mine && <LinkButton href={`/me/videos/${id}`}>{t.studio.details}</LinkButton>}
        <LinkButton look="quiet" href="/">
          {t.share.toFeed}
        </LinkButton>
      </State>
    </div>
  );
}

function Missing({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const problem = asProblem(error);
  const gone = problem.status === 410;
  const missing = gone || (problem.status >= 400 && problem.status < 500 && problem.status !== 429);
  return (
    <div class="feed-face watch-face">
      {missing ? (
        <State
          icon={gone ? <TrashIcon /> : <LockIcon />}
          title={gone ? t.share.goneTitle : t.share.missingTitle}
          text={gone ? t.share.goneText : t.share.missingText}
        >
          <LinkButton href="/">{t.share.toFeed}</LinkButton>
        </State>
      ) : (
        <ProblemState error={error} onRetry={onRetry} />
      )}
    </div>
  );
}
