/** What a long press opens: less of this, why this, report, quality. */

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { feed, videos, type FeedItem } from '../api';
import { t } from '../messages';
import { showText } from '../shell/preferences';
import { Button, Field, Sheet, problemText } from '../ui';
import { BanIcon, CaptionsIcon, CheckIcon, EyeOffIcon, FlagIcon, GaugeIcon, InfoIcon, KeyboardIcon, LinkIcon } from '../ui/icons';
import { toast } from '../ui/toast';
import { copyLink, type FeedStore } from './store';
import type { Stage } from './stage';

type View = 'list' | 'why' | 'report' | 'quality' | 'keys';

interface Props {
  item: FeedItem;
  store: FeedStore;
  stage: Stage;
  start?: View;
  onClose: () => void;
}

function Item({ icon, label, value, onClick }: { icon: ComponentChildren; label: string; value?: string; onClick: () => void }) {
  return (
    <li>
      <button type="button" class="menu-item" onClick={onClick}>
        {icon}
        <span>{label}</span>
        {value && <span class="value">{value}</span>}
      </button>
    </li>
  );
}

export function Menu({ item, store, stage, start = 'list', onClose }: Props) {
  const [view, setView] = useState<View>(start);
  const titles = { list: t.menu.title, why: t.menu.why, report: t.menu.reportTitle, quality: t.menu.quality, keys: t.feed.keys };
  return (
    <Sheet title={titles[view]} onClose={onClose} dark>
      {view === 'list' && <List item={item} store={store} stage={stage} onClose={onClose} onView={setView} />}
      {view === 'why' && <p class="menu-text">{item.reason?.text || t.menu.whyUnknown}</p>}
      {view === 'quality' && <Quality stage={stage} onClose={onClose} />}
      {view === 'report' && <Report id={item.id} onClose={onClose} />}
      {view === 'keys' && <Keys />}
    </Sheet>
  );
}

function List({ item, store, stage, onClose, onView }: Omit<Props, 'start'> & { onView: (view: View) => void }) {
  const name = item.owner.display_name;
  const { rungs, chosen } = stage.quality();
  const away = (call: Promise<unknown>, keep: (x: FeedItem) => boolean, done: string) => {
    onClose();
    const before = store.items.value;
    store.drop(keep);
    call.then(
      () => toast(done),
      (error: unknown) => {
        store.items.value = before;
        toast(problemText(error));
      },
    );
  };
  const link = new URL(item.link ?? `/watch/${item.id}`, location.origin).href;
  return (
    <ul class="menu-list">
      <Item icon={<EyeOffIcon />} label={t.menu.notInterested} onClick={() => away(feed.notInterested(item.id), (x) => x.id !== item.id, t.menu.notInterestedDone)} />
      <Item icon={<BanIcon />} label={t.menu.hide(name)} onClick={() => away(feed.hideOwner(item.owner.id), (x) => x.owner.id !== item.owner.id, t.menu.hideDone(name))} />
      <Item icon={<InfoIcon />} label={t.menu.why} onClick={() => onView('why')} />
      <Item icon={<FlagIcon />} label={t.menu.report} onClick={() => onView('report')} />
      <Item
        icon={<LinkIcon />}
        label={t.menu.copyLink}
        onClick={() => {
          onClose();
          void copyLink(link);
        }}
      />
      {rungs.length > 1 && <Item icon={<GaugeIcon />} label={t.menu.quality} value={chosen ? `${chosen}p` : t.menu.qualityAuto} onClick={() => onView('quality')} />}
      <Item
        icon={<CaptionsIcon />}
        label={t.menu.captions}
        value={showText.value ? t.menu.captionsOn : t.menu.captionsOff}
        onClick={() => {
          showText.value = !showText.value;
          onClose();
        }}
      />
      {matchMedia('(hover: hover)').matches && <Item icon={<KeyboardIcon />} label={t.feed.keys} value="?" onClick={() => onView('keys')} />}
    </ul>
  );
}

function Quality({ stage, onClose }: { stage: Stage; onClose: () => void }) {
  const { rungs, chosen } = stage.quality();
  const choose = (rung: number | null) => {
    stage.choose(rung);
    onClose();
  };
  return (
    <ul class="menu-list">
      {[null, ...[...rungs].reverse()].map((rung) => (
        <li key={rung ?? 0}>
          <button type="button" class="menu-item" aria-pressed={rung === chosen} onClick={() => choose(rung)}>
            {rung === null ? t.menu.qualityAuto : `${rung}p`}
            {rung === chosen && (
              <span class="value">
                <CheckIcon size={20} />
              </span>
            )}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Report({ id, onClose }: { id: string; onClose: () => void }) {
  const [code, setCode] = useState('');
  const [message, setMessage] = useState('');
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    try {
      await videos.report(id, code, message.trim() || undefined);
      toast(t.menu.reportDone);
      onClose();
    } catch (error) {
      setBusy(false);
      toast(problemText(error));
    }
  };
  return (
    <div class="stack">
      <div class="stack-s" role="radiogroup" aria-label={t.menu.reportTitle}>
        {t.menu.reportReasons.map(([value, label]) => (
          <label class="choice" key={value}>
            <input type="radio" name="report" value={value} checked={code === value} onChange={() => setCode(value)} />
            {label}
          </label>
        ))}
      </div>
      {code === 'other' && (
        <Field label={t.menu.report}>
          {(ids) => <textarea class="input" maxLength={500} {...ids} value={message} onInput={(e) => setMessage(e.currentTarget.value)} />}
        </Field>
      )}
      <Button wide disabled={!code || busy} onClick={() => void send()}>
        {t.menu.report}
      </Button>
    </div>
  );
}

function Keys() {
  return (
    <dl class="key-list">
      {t.feed.keyList.map(([key, what]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{what}</dd>
        </div>
      ))}
    </dl>
  );
}
