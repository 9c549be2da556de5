/** Jobs that failed again and again, and the button that runs them once more. */

import { useEffect } from 'preact/hooks';
import { ops, type Job } from '../api';
import { format, t } from '../messages';
import { Button, ProblemState, problemText } from '../ui';
import { usePaged } from '../ui/paged';
import { RetryIcon } from '../ui/icons';
import { toast } from '../ui/toast';

export function DeadLetters({ dead, onChanged }: { dead: number; onChanged: () => void }) {
  const list = usePaged<Job>('dead', (cursor) => ops.jobs('dead', null, cursor));
  useEffect(() => {
    if (list.items && list.items.length !== dead) list.reload();
  }, [dead]);
  const replay = async (job: Job) => {
    try {
      await ops.replay(job.id);
      list.set((all) => all.filter((x) => x.id !== job.id));
      toast(t.ops.replayed);
      onChanged();
    } catch (error) {
      toast(`${t.ops.replayFailed} ${problemText(error)}`);
    }
  };
  const items = list.items ?? [];
  return (
    <section aria-labelledby="ops-dead">
      <h2 id="ops-dead">{t.ops.deadTitle}</h2>
      {list.error && !list.items ? <ProblemState error={list.error} onRetry={list.reload} /> : null}
      {list.items && !items.length && <p class="muted">{t.ops.deadEmpty}</p>}
      {items.length > 0 && (
        <>
          <p class="small muted">
            {t.ops.deadHelp} <code>{t.ops.mend}</code>
          </p>
          <ul class="dead-list">
            {items.map((job) => (
              <li class="card dead" key={job.id}>
                <div class="grow">
                  <p class="row-wrap">
                    <strong class="mono">{job.kind}</strong>
                    {job.key && <span class="mono muted">{job.key}</span>}
                  </p>
                  <p class="dead-error">{job.error ?? '–'}</p>
                  <p class="small muted">
                    {job.attempts !== undefined && `${t.ops.attempts} ${format.number(job.attempts)} · `}
                    {job.created_at_ms ? format.ago(job.finished_at_ms ?? job.created_at_ms) : ''}
                  </p>
                </div>
                <Button small look="quiet" aria-label={`${t.ops.replay}: ${job.kind} ${job.key ?? ''}`} onClick={() => void replay(job)}>
                  <RetryIcon size={16} />
                  {t.ops.replay}
                </Button>
              </li>
            ))}
          </ul>
          {list.hasMore && (
            <Button small look="quiet" onClick={list.more}>
              {t.app.loadMore}
            </Button>
          )}
        </>
      )}
    </section>
  );
}
