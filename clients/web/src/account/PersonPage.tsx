/** Somebody's public page: who they are and what they published. */

import { people, type Video } from '../api';
import { format, t } from '../messages';
import { goBack, navigate, type Route } from '../router';
import { Grid, GridSkeleton } from '../studio/Grid';
import { Avatar, Button, IconButton, ProblemState, State, Waiting, useLoad } from '../ui';
import { usePaged } from '../ui/paged';
import { BackIcon, CloseIcon, VideoIcon } from '../ui/icons';
import './account.css';

export default function PersonPage({ route }: { route: Route }) {
  const id = route.params['id'] ?? '';
  const tag = route.query.get('tag');
  const person = useLoad(id, () => people.get(id));
  const list = usePaged<Video>(id, (cursor) => people.videos(id, cursor));
  const who = person.value;
  if (person.error) {
    return (
      <div class="page">
        <ProblemState error={person.error} onRetry={person.reload} />
      </div>
    );
  }
  const shown = tag ? list.items?.filter((v) => v.hashtags.includes(tag) || v.caption.toLowerCase().includes(`#${tag}`)) : list.items;
  return (
    <div class="page wide">
      <header class="page-head">
        <IconButton label={t.app.back} onClick={() => goBack('/')}>
          <BackIcon />
        </IconButton>
      </header>
      {!who ? (
        <Waiting />
      ) : (
        <div class="person">
          <Avatar id={who.id} name={who.display_name} size={88} />
          <h1>{who.display_name}</h1>
          <p class="muted">@{who.handle}</p>
          {who.bio && <p class="person-bio">{who.bio}</p>}
          <p class="small muted">
            {who.counts && `${t.studio.counters.likes(who.counts.likes)} · `}
            {t.account.memberSince(format.date(who.created_at_ms))}
          </p>
        </div>
      )}
      {tag && (
        <p class="row">
          <span class="chip busy">#{tag}</span>
          <Button small look="text" onClick={() => navigate(`/u/${id}`, { replace: true })}>
            <CloseIcon size={16} />
            {t.account.allVideos}
          </Button>
        </p>
      )}
      {list.error && !list.items ? <ProblemState error={list.error} onRetry={list.reload} /> : !shown ? <GridSkeleton /> : null}
      {shown && shown.length === 0 && who && <State icon={<VideoIcon />} title={t.account.noVideos} text={t.account.noVideosText(who.display_name)} />}
      {shown && shown.length > 0 && <Grid videos={shown} label={t.studio.videos} href={(v) => `/watch/${v.id}`} />}
      {list.hasMore && (
        <div class="more-row">
          <Button look="quiet" disabled={list.loading} onClick={list.more}>
            {t.app.loadMore}
          </Button>
        </div>
      )}
    </div>
  );
}
