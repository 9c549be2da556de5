/** The owner's own picture for the cover: send it, see where it stands, take it back. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { videos, type CoverStatus, type Video } from '../api';
import { t } from '../messages';
import { Button, problemText, useLoad } from '../ui';
import { AlertIcon } from '../ui/icons';
import { toast } from '../ui/toast';

const BYTES_MAX = 10 * 1024 * 1024;
/** While it is checked: nothing pushes what has no status. */
const LOOK_MS = 3_000;

export function CoverCard({ video, reload }: { video: Video; reload: () => void }) {
  const cover = useLoad<CoverStatus>(`cover ${video.id}`, () => videos.cover(video.id));
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const status = cover.value;
  const state = status?.pending?.state;
  useEffect(() => {
    if (state !== 'checking') return;
    const timer = setTimeout(() => {
      cover.reload();
      reload();
    }, LOOK_MS);
    return () => clearTimeout(timer);
  }, [status]);
  // A cover that is shown is not being checked, whichever of the two was asked first.
  const shown = video.playback?.poster_url;
  useEffect(() => {
    if (state === 'checking') cover.reload();
  }, [shown]);
  if (!status || video.status === 'removed' || video.status === 'erased') return null;

  const send = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > BYTES_MAX) return void toast(t.studio.coverLarge);
    setBusy(true);
    try {
      cover.set(await videos.sendCover(video.id, file));
    } catch (error) {
      toast(`${t.studio.coverFailed} ${problemText(error)}`);
    }
    setBusy(false);
  };
  const back = async () => {
    setBusy(true);
    try {
      await videos.removeCover(video.id);
      cover.set({ own: false, pending: null });
      toast(t.studio.coverBackDone);
      reload();
    } catch (error) {
      toast(problemText(error));
    }
    setBusy(false);
  };
  return (
    <section class="card stack-s" aria-label={t.studio.cover} aria-live="polite">
      <h2>{t.studio.cover}</h2>
      {status.pending?.state === 'refused' ? (
        <p class="notice warn">
          <AlertIcon size={20} />
          {t.studio.coverRefused(status.pending.reason ?? '')}
        </p>
      ) : (
        <p class="small muted">{status.pending ? t.studio.coverStates[status.pending.state] : status.own ? t.studio.coverOwn : t.studio.coverHint}</p>
      )}
      <div class="row-wrap">
        <input
          ref={input}
          type="file"
          hidden
          accept="image/jpeg,image/png,image/webp"
          aria-label={t.studio.coverSend}
          onChange={(e) => {
            const file = e.currentTarget.files?.[0];
            e.currentTarget.value = '';
            void send(file);
          }}
        />
        <Button small look="quiet" disabled={busy} onClick={() => input.current?.click()}>
          {status.own || status.pending ? t.studio.coverAgain : t.studio.coverSend}
        </Button>
        {(status.own || status.pending) && (
          <Button small look="quiet" disabled={busy} onClick={() => void back()}>
            {t.studio.coverBack}
          </Button>
        )}
      </div>
    </section>
  );
}
