/** The owner's own picture for the cover, with a decision of its own. */

import { useState } from 'preact/hooks';
import { asProblem, moderation, type ReviewCover } from '../api';
import { format, t } from '../messages';
import { Button, problemText } from '../ui';
import { BanIcon, CheckIcon } from '../ui/icons';
import { announce, toast } from '../ui/toast';
import { AuthImage } from './AuthImage';
import { RejectSheet } from './RejectSheet';

export function CoverEvidence({ id, cover, onDecided }: { id: string; cover: ReviewCover; onDecided: () => void }) {
  const [busy, setBusy] = useState(false);
  const [rejecting, setRejecting] = useState(false);
  const decide = async (decision: 'approve' | 'reject', reason?: { code: string; text: string }) => {
    setRejecting(false);
    setBusy(true);
    try {
      await moderation.decideCover(id, { n: cover.n, decision, reason_code: reason?.code, reason: reason?.text || undefined });
      announce(t.moderation.coverDecided[decision]);
      toast(t.moderation.coverDecided[decision]);
    } catch (error) {
      const problem = asProblem(error);
      toast(problem.status === 409 ? t.moderation.taken : `${t.moderation.decideFailed} ${problemText(problem)}`);
    }
    setBusy(false);
    onDecided();
  };
  const hot = cover.labels.filter((l) => l.max_confidence >= 50);
  return (
    <section class="card stack-s" aria-label={t.moderation.cover}>
      <h3>{t.moderation.cover}</h3>
      <p class="small muted">{cover.shown ? t.moderation.coverShown : t.moderation.coverText}</p>
      <span class="frame veiled" tabIndex={0} role="img" aria-label={t.moderation.coverPicture}>
        <AuthImage url={cover.url} alt="" />
      </span>
      <ul class="row-wrap">
        {hot.map((l) => (
          <li class="chip warn" key={l.name}>
            {l.name} {format.percent(l.max_confidence)}
          </li>
        ))}
      </ul>
      {!cover.classifier && <p class="small muted">{t.moderation.unjudgedAll}</p>}
      {cover.classifier && cover.unjudged.length > 0 && <p class="small muted">{t.moderation.coverUnjudged(cover.unjudged.join(', '))}</p>}
      {(cover.waiting || cover.shown) && (
        <div class="row-wrap">
          {cover.waiting && (
            <Button small disabled={busy} onClick={() => void decide('approve')}>
              <CheckIcon size={16} />
              {t.moderation.coverApprove}
            </Button>
          )}
          <Button small look="danger" disabled={busy} onClick={() => setRejecting(true)}>
            <BanIcon size={16} />
            {t.moderation.coverReject}
          </Button>
        </div>
      )}
      {rejecting && <RejectSheet onClose={() => setRejecting(false)} onReject={(code, text) => void decide('reject', { code, text })} />}
    </section>
  );
}
