/** One case: the original, its frames with times, what the machine says and what it does not. */

import { useRef, useState } from 'preact/hooks';
import { moderation, type Decision, type QueueItem, type Review, type ReviewFrame } from '../api';
import { raw } from '../api/client';
import { format, t } from '../messages';
import { Button, IconButton, ProblemState, Waiting, useLoad } from '../ui';
import { AlertIcon, BackIcon, BanIcon, CheckIcon, PlayIcon, UserIcon } from '../ui/icons';
import { AuthImage } from './AuthImage';
import { CoverEvidence } from './CoverEvidence';
import { type Choice } from './ModerationPage';

interface Props {
  id: string;
  item: QueueItem | undefined;
  onDecide: (choice: Choice) => void;
  onBack: () => void;
}

export function Case({ id, item, onDecide, onBack }: Props) {
  const review = useLoad<Review>(id, () => moderation.review(id));
  const value = review.value;
  return (
    <div class="case">
      <header class="case-head">
        <span class="case-back">
          <IconButton label={t.app.back} onClick={onBack}>
            <BackIcon />
          </IconButton>
        </span>
        <div class="grow">
          <h2 class="clip">{value?.video.title || value?.video.caption || item?.title || t.studio.untitled}</h2>
          {value && (
            <p class="small muted clip">
              <a href={`/u/${value.video.owner.id}`}>{value.video.owner.display_name || value.video.owner.id}</a>
              {' · '}
              {format.dateTime(value.video.created_at_ms)}
              {value.video.duration_ms ? ` · ${format.clock(value.video.duration_ms)}` : ''}
            </p>
          )}
        </div>
      </header>
      {review.error ? <ProblemState error={review.error} onRetry={review.reload} /> : !value ? <Waiting /> : <Evidence review={value} item={item} reload={review.reload} />}
      {/* Where the cover alone waits, nothing is to be decided about the video. */}
      <footer class="case-actions" hidden={item?.reason === 'cover'}>
        <Button disabled={!value} onClick={() => onDecide('approve')}>
          <CheckIcon size={18} />
          {t.moderation.approve} <kbd aria-hidden="true">A</kbd>
        </Button>
        <Button look="danger" disabled={!value} onClick={() => onDecide('reject')}>
          <BanIcon size={18} />
          {t.moderation.reject} <kbd aria-hidden="true">R</kbd>
        </Button>
        <Button look="quiet" disabled={!value} onClick={() => onDecide('escalate')}>
          <UserIcon size={18} />
          {t.moderation.escalate} <kbd aria-hidden="true">E</kbd>
        </Button>
      </footer>
    </div>
  );
}

const PLAIN_SOURCE_MAX = 200 * 1024 * 1024;

function Evidence({ review, item, reload }: { review: Review; item: QueueItem | undefined; reload: () => void }) {
  const player = useRef<HTMLVideoElement>(null);
  const [source, setSource] = useState('');
  const [failed, setFailed] = useState(false);
  const appeal = review.appeal ?? item?.appeal;

  const playFrom = async (ms: number) => {
    if (!source) {
      try {
        // The address carries its own ticket; where it does not, the bytes come with the token.
        if (review.source_url.includes('ticket=')) setSource(review.source_url);
        else {
          const answer = await raw(review.source_url, { timeoutMs: 60_000 });
          if (Number(answer.headers.get('content-length') ?? 0) > PLAIN_SOURCE_MAX) throw new Error('too large to hold');
          setSource(URL.createObjectURL(await answer.blob()));
        }
      } catch {
        return setFailed(true);
      }
      await new Promise((r) => requestAnimationFrame(r));
    }
    const video = player.current;
    if (!video) return;
    const go = () => {
      video.currentTime = ms / 1000;
      void video.play().catch(() => undefined);
    };
    if (video.readyState >= 1) go();
    else video.addEventListener('loadedmetadata', go, { once: true });
    video.scrollIntoView({ block: 'nearest' });
  };

  return (
    <div class="evidence">
      <div class="evidence-pictures">
        {source && !failed && (
          <video class="source" ref={player} src={source} controls playsInline preload="metadata" aria-label={t.moderation.source} onError={() => setFailed(true)}>
            <track kind="captions" />
          </video>
        )}
        {failed && (
          <p class="notice warn" role="alert">
            <AlertIcon size={20} />
            {t.moderation.sourceFailed}
          </p>
        )}
        <div class="row spread">
          <h3>{t.moderation.frames}</h3>
          <Button small look="quiet" onClick={() => void playFrom(0)}>
            <PlayIcon size={16} />
            {t.moderation.play}
          </Button>
        </div>
        <p class="small muted">{t.moderation.framesHint}</p>
        <ul class="frames">
          {review.frames.map((f) => (
            <li key={f.n}>
              <Frame frame={f} onPlay={() => void playFrom(f.at_ms)} />
            </li>
          ))}
        </ul>
      </div>
      <div class="evidence-words stack">
        {appeal && (
          <section class="card stack-s appeal">
            <h3>{t.moderation.appealed}</h3>
            <p>{typeof appeal === 'string' ? appeal : appeal.message}</p>
          </section>
        )}
        {review.blocked && (
          <p class="notice bad">
            <BanIcon size={20} />
            {t.moderation.blocked}
          </p>
        )}
        {review.reports && review.reports.length > 0 && (
          <section class="stack-s">
            <h3>{t.moderation.reports}</h3>
            <ul class="stack-s">
              {review.reports.map((r) => (
                <li class="small" key={`${r.at_ms}${r.by}`}>
                  {r.detail} <span class="muted">· {format.ago(r.at_ms)}</span>
                </li>
              ))}
            </ul>
          </section>
        )}
        {review.cover && <CoverEvidence id={review.video.id} cover={review.cover} onDecided={reload} />}
        {review.lookalike && <Lookalike like={review.lookalike} />}
        {review.video.caption && <p class="case-caption">{review.video.caption}</p>}
        <Labels review={review} />
        <Unjudged review={review} />
        <Earlier review={review} />
      </div>
    </div>
  );
}

function Frame({ frame, onPlay }: { frame: ReviewFrame; onPlay: () => void }) {
  // Weak scores are kept for choosing thresholds; they are nothing to show a person.
  const found = frame.findings.filter((f) => f.confidence >= 50).map((f) => `${f.name} ${format.percent(f.confidence)}`);
  const time = format.clock(frame.at_ms);
  return (
    <button type="button" class="frame veiled" data-found={found.length ? 'true' : undefined} aria-label={t.moderation.frame(time, found.join(', '))} title={found.join('\n') || time} onClick={onPlay}>
      <AuthImage url={frame.url} alt="" />
      <span class="frame-time">{time}</span>
    </button>
  );
}

/** Other bytes, the same pictures: what was decided about the rejected one. */
function Lookalike({ like }: { like: NonNullable<Review['lookalike']> }) {
  return (
    <section class="card stack-s" aria-label={t.moderation.lookalike}>
      <h3>{t.moderation.lookalike}</h3>
      <p class="notice bad">
        <BanIcon size={20} />
        {t.moderation.lookalikeText(like.matched, like.pictures, t.moderation.reasonWord(like.reason_code))}
      </p>
      <Decisions decisions={like.decisions} />
      <a href={`/moderation/${like.video_id}`}>{t.moderation.lookalikeOpen}</a>
    </section>
  );
}

function Decisions({ decisions }: { decisions: Decision[] }) {
  return (
    <ol class="trail">
      {decisions.map((d, i) => (
        <li key={i}>
          <span class="chip">{d.verdict}</span>
          <span class="small">
            {d.by} · {format.ago(d.at_ms)}
          </span>
          {(d.reason || d.reason_code) && <p class="small muted">{d.reason || d.reason_code}</p>}
        </li>
      ))}
    </ol>
  );
}

function Labels({ review }: { review: Review }) {
  const limit = (n: number | null | undefined) => (n === null || n === undefined ? '–' : format.percent(n));
  return (
    <section class="stack-s">
      <h3>{t.moderation.labels}</h3>
      {review.classifier && <p class="small muted">{t.moderation.classifier(review.classifier.name, review.classifier.version)}</p>}
      {review.labels.length ? (
        <table class="labels">
          <thead>
            <tr>
              <th scope="col">{t.moderation.label}</th>
              <th scope="col">{t.moderation.highest}</th>
              <th scope="col">{t.moderation.hot}</th>
              <th scope="col">{t.moderation.reviewAt}</th>
              <th scope="col">{t.moderation.rejectAt}</th>
            </tr>
          </thead>
          <tbody>
            {review.labels.map((l) => {
              const over = l.reject_at != null && l.max_confidence >= l.reject_at ? 'bad' : l.review_at != null && l.max_confidence >= l.review_at ? 'warn' : '';
              return (
                <tr key={l.name}>
                  <th scope="row">{l.name}</th>
                  <td>
                    <span class={`chip ${over}`}>{format.percent(l.max_confidence)}</span>
                  </td>
                  <td>{l.frames === undefined ? '–' : t.moderation.hotOf(l.hot_frames ?? 0, l.frames)}</td>
                  <td>{limit(l.review_at)}</td>
                  <td>{limit(l.reject_at)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      ) : (
        <p class="small muted">{review.classifier ? t.moderation.noLabels : t.moderation.unjudgedAll}</p>
      )}
      {review.near_ms && review.near_ms.length > 0 && <p class="small muted">{t.moderation.near(review.near_ms.map((at) => format.clock(at)).join(', '))}</p>}
    </section>
  );
}

function Unjudged({ review }: { review: Review }) {
  return (
    <section class="stack-s">
      <h3>{t.moderation.unjudged}</h3>
      <p class="small muted">{review.unjudged.length ? t.moderation.unjudgedText : t.moderation.allJudged}</p>
      <ul class="row-wrap">
        {review.unjudged.map((name) => (
          <li class="chip warn" key={name}>
            {name}
          </li>
        ))}
      </ul>
      <p class="small muted">{t.moderation.wordsUnjudged}</p>
    </section>
  );
}

function Earlier({ review }: { review: Review }) {
  return (
    <section class="stack-s">
      <h3>{t.moderation.earlier}</h3>
      {review.decisions.length ? (
        <Decisions decisions={review.decisions} />
      ) : (
        <p class="small muted">{t.moderation.noEarlier}</p>
      )}
      {review.same_content.length > 0 && (
        <>
          <h3>{t.moderation.same}</h3>
          <ul class="stack-s">
            {review.same_content.map((s) => {
              const id = typeof s === 'string' ? s : s.video_id;
              const what = typeof s === 'string' ? '' : (s.verdict ?? s.status ?? '');
              const who = typeof s === 'string' || !s.by || !s.at_ms ? '' : `${s.by} · ${format.ago(s.at_ms)}`;
              const why = typeof s === 'string' ? '' : (s.reason_code ?? '');
              return (
                <li class="row" key={id}>
                  <a class="mono" href={`/moderation/${id}`}>
                    {id}
                  </a>
                  {what && <span class="chip">{what}</span>}
                  {(who || why) && <span class="small muted">{[who, why].filter(Boolean).join(' · ')}</span>}
                </li>
              );
            })}
          </ul>
        </>
      )}
      {review.content_sha256 && (
        <p class="small muted hash">
          {t.moderation.hash} <code>{review.content_sha256}</code>
        </p>
      )}
    </section>
  );
}
