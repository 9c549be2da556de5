/** One of my videos: where it stands and why, its words and numbers, and what I can do. */

import { useEffect, useState } from 'preact/hooks';
import { asProblem, videos, type Video } from '../api';
import { Poster } from '../feed/Poster';
import { copyLink } from '../feed/store';
import { follow } from '../live/socket';
import { format, t } from '../messages';
import { goBack, navigate, type Route } from '../router';
import { Button, Field, IconButton, LinkButton, Meter, ProblemState, Sheet, Waiting, problemText, useLoad } from '../ui';
import { AlertIcon, BackIcon, CheckIcon, DoneIcon, EditIcon, LinkIcon, PlayIcon, RetryIcon, TrashIcon } from '../ui/icons';
import { toast } from '../ui/toast';
import { Details, type Words } from '../upload/Details';
import { hashtagsOf, titleOf } from '../upload/check';
import { nameOf } from './Grid';
import { seconds } from './StudioPage';
import { CoverCard } from './CoverCard';
import { inFlight, isLive, statusText, stepsDone } from './status';
import './studio.css';

export default function VideoPage({ route }: { route: Route }) {
  const id = route.params['id'] ?? '';
  const video = useLoad<Video>(id, () => videos.get(id));
  useEffect(
    () =>
      follow({
        news: (news) => {
          if (news.video_id !== id) return;
          video.set((now) => now && { ...now, status: news.status, progress_percent: news.progress_percent ?? null, failure: news.failure ?? now.failure, verdict: news.verdict ?? now.verdict });
          if (!inFlight(news.status)) video.reload();
        },
        resync: video.reload,
      }),
    [id],
  );
  const value = video.value;
  return (
    <div class="page">
      <header class="page-head">
        <IconButton label={t.app.back} onClick={() => goBack('/me')}>
          <BackIcon />
        </IconButton>
        <h1 class="clip">{value ? nameOf(value) : t.studio.detail}</h1>
      </header>
      {value ? <Body video={value} onChange={video.set} reload={video.reload} /> : video.error ? <ProblemState error={video.error} onRetry={video.reload} /> : <Waiting />}
    </div>
  );
}

interface BodyProps {
  video: Video;
  onChange: (video: Video) => void;
  reload: () => void;
}

function Body({ video, onChange, reload }: BodyProps) {
  const [editing, setEditing] = useState(false);
  const live = isLive(video.status);
  return (
    <div class="detail" data-cover={video.playback ? 'true' : undefined}>
      {video.playback && (
        <div class="detail-cover">
          <a class="tile" href={`/watch/${video.id}`} aria-label={t.studio.openVideo}>
            <Poster url={video.playback.poster_url} blurhash={video.playback.blurhash} eager />
            <span class="detail-play" aria-hidden="true">
              <PlayIcon size={32} filled />
            </span>
          </a>
        </div>
      )}
      <div class="stack">
        <Standing video={video} reload={reload} />
        {editing ? (
          <Edit
            video={video}
            onDone={(next) => {
              setEditing(false);
              if (next) onChange(next);
            }}
          />
        ) : (
          <>
            {video.caption && <p class="detail-caption">{video.caption}</p>}
            <div class="row-wrap">
              {live && (
                <LinkButton small href={`/watch/${video.id}`}>
                  <PlayIcon size={16} />
                  {t.studio.openVideo}
                </LinkButton>
              )}
              {live && video.visibility !== 'private' && video.link && (
                <Button small look="quiet" onClick={() => void copyLink(new URL(video.link ?? '', location.origin).href)}>
                  <LinkIcon size={16} />
                  {t.studio.copyLink}
                </Button>
              )}
              <Button small look="quiet" onClick={() => setEditing(true)}>
                <EditIcon size={16} />
                {t.studio.edit}
              </Button>
              <Delete video={video} />
            </div>
            <CoverCard video={video} reload={reload} />
            <Numbers video={video} />
          </>
        )}
      </div>
    </div>
  );
}

function Standing({ video, reload }: { video: Video; reload: () => void }) {
  const stopped = video.status === 'rejected' || video.status === 'failed';
  const moving = inFlight(video.status) || video.status === 'reserved';
  const why = video.status === 'failed' ? video.failure?.message : (video.verdict?.reason ?? undefined);
  const [appealing, setAppealing] = useState(false);
  const retry = async () => {
    try {
      await videos.retry(video.id);
      toast(t.studio.retryStarted);
      reload();
    } catch (error) {
      toast(`${t.studio.retryFailed} ${problemText(error)}`);
    }
  };
  return (
    <section class="card stack-s" aria-live="polite" aria-label={t.studio.progressOf}>
      {stopped ? (
        <>
          <strong class="row stopped">
            <AlertIcon size={20} />
            {t.studio.notPublished}
          </strong>
          {why && <p>{why}</p>}
          <div class="row-wrap">
            {video.status === 'rejected' && (
              <Button small onClick={() => setAppealing(true)}>
                {t.studio.appeal}
              </Button>
            )}
            {video.status === 'failed' && video.failure?.retryable && (
              <Button small onClick={() => void retry()}>
                <RetryIcon size={16} />
                {t.studio.retry}
              </Button>
            )}
            {video.status === 'failed' && !video.failure?.retryable && (
              <LinkButton small href="/upload">
                {t.studio.uploadFirst}
              </LinkButton>
            )}
          </div>
        </>
      ) : (
        <>
          <strong class="row" data-live={moving ? undefined : 'true'}>
            {!moving && <DoneIcon size={20} />}
            {statusText(video)}
          </strong>
          {moving && (
            <>
              <ol class="steps" data-done={stepsDone(video.status)}>
                {t.studio.steps.map((name, i) => (
                  <li key={name} data-state={i < stepsDone(video.status) ? 'done' : i === stepsDone(video.status) ? 'now' : 'later'}>
                    <span aria-hidden="true">{i < stepsDone(video.status) && <CheckIcon size={14} />}</span>
                    {name}
                  </li>
                ))}
              </ol>
              {video.progress_percent != null && video.progress_percent > 0 && <Meter value={video.progress_percent} label={statusText(video)} />}
            </>
          )}
        </>
      )}
      {appealing && (
        <Appeal
          id={video.id}
          onClose={(sent) => {
            setAppealing(false);
            if (sent) reload();
          }}
        />
      )}
    </section>
  );
}

function Appeal({ id, onClose }: { id: string; onClose: (sent: boolean) => void }) {
  const [message, setMessage] = useState('');
  const [wrong, setWrong] = useState<string>();
  const send = async () => {
    try {
      await videos.appeal(id, message.trim());
      toast(t.studio.appealSent);
      onClose(true);
    } catch (error) {
      setWrong(asProblem(error).status === 409 ? t.studio.appealUsed : problemText(error));
    }
  };
  return (
    <Sheet title={t.studio.appealTitle} onClose={() => onClose(false)}>
      <div class="stack">
        <Field label={t.studio.appealTitle} hint={t.studio.appealHint} wrong={wrong}>
          {(ids) => <textarea class="input" maxLength={1000} {...ids} value={message} onInput={(e) => setMessage(e.currentTarget.value)} />}
        </Field>
        <Button wide disabled={!message.trim()} onClick={() => void send()}>
          {t.studio.appealSend}
        </Button>
      </div>
    </Sheet>
  );
}

function Edit({ video, onDone }: { video: Video; onDone: (next?: Video) => void }) {
  const [words, setWords] = useState<Words>({ caption: video.caption, visibility: video.visibility });
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      const next = await videos.change(video.id, { title: titleOf(words.caption), caption: words.caption.trim(), hashtags: hashtagsOf(words.caption), visibility: words.visibility });
      toast(t.studio.savedChanges);
      onDone(next);
    } catch (error) {
      setBusy(false);
      toast(`${t.studio.saveFailed} ${problemText(error)}`);
    }
  };
  return (
    <>
      <Details words={words} onChange={setWords} />
      <div class="row">
        <Button look="quiet" onClick={() => onDone()}>
          {t.app.cancel}
        </Button>
        <Button disabled={busy} onClick={() => void save()}>
          {t.app.save}
        </Button>
      </div>
    </>
  );
}

function Delete({ video }: { video: Video }) {
  const remove = async () => {
    try {
      await videos.remove(video.id);
    } catch (error) {
      return void toast(`${t.studio.deleteFailed} ${problemText(error)}`);
    }
    navigate('/me', { replace: true });
    toast(t.studio.deleted, {
      label: t.app.undo,
      run: () =>
        void videos.restore(video.id).then(
          () => {
            toast(t.studio.restored);
            navigate(`/me/videos/${video.id}`);
          },
          () => toast(t.studio.restoreFailed),
        ),
    });
  };
  return (
    <Button small look="outline" onClick={() => void remove()}>
      <TrashIcon size={16} />
      {t.studio.delete}
    </Button>
  );
}

function Numbers({ video }: { video: Video }) {
  const { counts } = video;
  const big: [string, string][] = [
    [format.count(counts.views), t.studio.counters.views(counts.views).replace(/^\S+\s/, '')],
    [format.count(counts.likes), t.studio.counters.likes(counts.likes).replace(/^\S+\s/, '')],
    [format.count(counts.shares), t.studio.counters.shares(counts.shares).replace(/^\S+\s/, '')],
  ];
  const facts: [string, string | null][] = [
    [t.studio.avgDwell, counts.avg_dwell_ms ? seconds(counts.avg_dwell_ms) : null],
    [t.studio.created, format.dateTime(video.created_at_ms)],
    [t.studio.published, video.published_at_ms ? format.dateTime(video.published_at_ms) : null],
    [t.studio.length, video.duration_ms ? format.clock(video.duration_ms) : null],
    [t.studio.size, video.width && video.height ? `${video.width} × ${video.height}` : null],
  ];
  return (
    <>
      {isLive(video.status) && (
        <section aria-label={t.studio.numbers}>
          <ul class="numbers">
            {big.map(([n, what]) => (
              <li key={what}>
                <strong>{n}</strong>
                <span class="muted small">{what}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <dl class="facts">
        {facts.map(([name, value]) =>
          value ? (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ) : null,
        )}
      </dl>
    </>
  );
}
