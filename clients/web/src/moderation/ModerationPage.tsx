/** The console of moderators: a queue, one case, one decision, and a way back for ten seconds. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { asProblem, house, moderation, type QueueItem } from '../api';
import { format, t } from '../messages';
import { navigate, type Route } from '../router';
import { Guarded } from '../shell/Guarded';
import { Button, ProblemState, State, Waiting, problemText } from '../ui';
import { usePaged } from '../ui/paged';
import { DoneIcon, ShieldIcon, VideoIcon } from '../ui/icons';
import { announce, toast } from '../ui/toast';
import { AuthImage } from './AuthImage';
import { Case } from './Case';
import { RejectSheet } from './RejectSheet';
import './moderation.css';

export type Choice = 'approve' | 'reject' | 'escalate';

/** The server takes a decision back for so long. */
const UNDO_MS = 10_000;
const REFRESH_MS = 10_000;

export default function ModerationPage({ route }: { route: Route }) {
  return (
    <Guarded role="moderator" title={t.moderation.denied} text={t.moderation.deniedText}>
      <Console id={route.params['id'] ?? null} />
    </Guarded>
  );
}

function Console({ id }: { id: string | null }) {
  const [handled, setHandled] = useState<number | null>(null);
  const queue = usePaged<QueueItem>('queue', async (cursor) => {
    const page = await moderation.queue(cursor);
    if (typeof page.handled_today === 'number') setHandled(page.handled_today);
    return page;
  });
  const [unseen, setUnseen] = useState<string[]>([]);
  const [rejecting, setRejecting] = useState(false);
  const last = useRef<{ id: string; at: number } | null>(null);
  const busy = useRef(false);
  const deciding = useRef<Promise<void>>(Promise.resolve());
  const items = queue.items ?? [];

  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && !busy.current && queue.reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  // What is published without anybody having looked for it: said where the people who answer for it work.
  useEffect(() => {
    void house.config().then((c) => setUnseen(c.moderation?.unseen ?? []), () => undefined);
  }, []);
  // On a wide screen the oldest case is open at once.
  useEffect(() => {
    if (!id && items[0] && matchMedia('(min-width: 900px)').matches) navigate(`/moderation/${items[0].video_id}`, { replace: true });
  }, [id, items.length]);

  const open = (next: string | null) => navigate(next ? `/moderation/${next}` : '/moderation', { replace: true });
  const step = (by: number) => {
    const now = items.findIndex((x) => x.video_id === id);
    const next = items[Math.min(items.length - 1, Math.max(0, now + by))];
    if (next) open(next.video_id);
  };
  const undo = async () => {
    await deciding.current; // U may follow A faster than the answer.
    const taken = last.current;
    if (!taken || Date.now() - taken.at > UNDO_MS) return void toast(t.moderation.undoFailed);
    last.current = null;
    try {
      await moderation.undo(taken.id);
      setHandled((n) => (n === null ? n : Math.max(0, n - 1)));
      toast(t.moderation.undone);
      open(taken.id);
    } catch {
      toast(t.moderation.undoFailed);
    }
    queue.reload();
  };
  const decide = (choice: Choice, reason?: { code: string; text: string }) => {
    // The picture alone waits: it has buttons of its own.
    if (items.find((x) => x.video_id === id)?.reason === 'cover') return;
    if (id && !busy.current) deciding.current = settle(id, choice, reason);
  };
  const settle = async (id: string, choice: Choice, reason?: { code: string; text: string }) => {
    busy.current = true;
    setRejecting(false);
    const now = items.findIndex((x) => x.video_id === id);
    const next = items[now + 1] ?? items[now - 1] ?? null;
    try {
      await moderation.decide(id, { decision: choice, reason_code: reason?.code, reason: reason?.text || undefined });
      last.current = { id, at: Date.now() };
      setHandled((n) => (n === null ? n : n + 1));
      announce(t.moderation.decided[choice]);
      toast(t.moderation.decided[choice], { label: `${t.moderation.undo} (U)`, run: () => void undo() });
      queue.set((all) => all.filter((x) => x.video_id !== id));
      open(next?.video_id ?? null);
    } catch (error) {
      const problem = asProblem(error);
      toast(problem.status === 409 ? t.moderation.taken : `${t.moderation.decideFailed} ${problemText(problem)}`);
      if (problem.status === 409) queue.reload();
    }
    busy.current = false;
  };
  useKeys(!rejecting, {
    a: () => decide('approve'),
    r: () => id && items.find((x) => x.video_id === id)?.reason !== 'cover' && setRejecting(true),
    e: () => decide('escalate'),
    u: () => void undo(),
    j: () => step(1),
    k: () => step(-1),
  });

  const chosen = items.find((x) => x.video_id === id);
  return (
    <div class="console" data-open={id ? 'true' : undefined}>
      <h1 class="visually-hidden">{t.moderation.title}</h1>
      <aside class="console-queue" aria-label={t.moderation.queue}>
        <header class="console-head">
          <h2>{t.moderation.queue}</h2>
          {handled !== null && <p class="small muted">{t.moderation.handled(handled)}</p>}
          {unseen.length > 0 && <p class="small notice">{t.moderation.unseen(unseen.join(', '))}</p>}
        </header>
        {queue.error && !queue.items ? (
          <ProblemState error={queue.error} onRetry={queue.reload} />
        ) : !queue.items ? (
          <Waiting />
        ) : (
          <ol class="queue-list">
            {items.map((x) => (
              <li key={x.video_id}>
                <QueueCard item={x} on={x.video_id === id} />
              </li>
            ))}
          </ol>
        )}
        {queue.hasMore && (
          <Button small look="quiet" onClick={queue.more}>
            {t.app.loadMore}
          </Button>
        )}
      </aside>
      <section class="console-case" aria-label={chosen ? titleOf(chosen) : t.moderation.frames}>
        {id ? (
          <Case key={id} id={id} item={chosen} onDecide={(c) => (c === 'reject' ? setRejecting(true) : decide(c))} onBack={() => open(null)} />
        ) : queue.items && !items.length ? (
          <State icon={<DoneIcon />} title={t.moderation.emptyTitle} text={t.moderation.emptyText} />
        ) : (
          <State icon={<ShieldIcon />} title={t.moderation.pick} text={t.moderation.keys} />
        )}
      </section>
      {queue.items && !items.length && !id && (
        <div class="console-empty-phone">
          <State icon={<DoneIcon />} title={t.moderation.emptyTitle} text={t.moderation.emptyText} />
        </div>
      )}
      {rejecting && id && <RejectSheet onClose={() => setRejecting(false)} onReject={(code, text) => decide('reject', { code, text })} />}
    </div>
  );
}

export const titleOf = (item: QueueItem): string => item.title || t.studio.untitled;
export const ownerName = (owner: QueueItem['owner']): string => (typeof owner === 'string' ? owner : owner.display_name);

export function scoreText(score: QueueItem['top_score']): string | null {
  if (!score) return null;
  if (typeof score === 'number') return format.percent(score);
  return t.moderation.score(score.name, format.percent(score.confidence));
}

function QueueCard({ item, on }: { item: QueueItem; on: boolean }) {
  const score = scoreText(item.top_score);
  return (
    <a class="queue-card" href={`/moderation/${item.video_id}`} aria-current={on ? 'true' : undefined}>
      <span class="queue-thumb veiled" aria-hidden="true">
        {item.poster_url ? <AuthImage url={item.poster_url} alt="" /> : <VideoIcon size={20} />}
      </span>
      <span class="queue-words">
        <span class="clip queue-title">{titleOf(item)}</span>
        <span class="small muted clip">{ownerName(item.owner)}</span>
        <span class="small muted">{t.moderation.waiting(item.waiting_ms)}</span>
        <span class="row-wrap">
          <span class="chip warn">{t.moderation.reasonWord(item.reason)}</span>
          {score && <span class="chip">{score}</span>}
        </span>
      </span>
    </a>
  );
}

function useKeys(on: boolean, keys: Record<string, () => unknown>): void {
  const now = useRef(keys);
  now.current = keys;
  useEffect(() => {
    if (!on) return;
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.repeat) return;
      if ((e.target as Element | null)?.closest('input, textarea, select, dialog, video')) return;
      const run = now.current[e.key.toLowerCase()];
      if (!run) return;
      e.preventDefault();
      run();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [on]);
}
