/** Uploads in a small corner, so that one can keep swiping. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { format, t } from '../messages';
import type { Route } from '../router';
import { Button, IconButton, Meter } from '../ui';
import { AlertIcon, CloseIcon, DoneIcon, PauseIcon, PlayIcon, RetryIcon, UploadIcon } from '../ui/icons';
import { toast } from '../ui/toast';
import { cancel, carryOn, carryOnWith, dismiss, pause, recall, resume, tasks, type Task } from './store';
import './dock.css';

export function UploadDock({ route }: { route: Route }) {
  const [open, setOpen] = useState(false);
  useEffect(() => void recall(), []);
  const all = tasks.value;
  if (!all.length) return null;
  const busy = all.filter((x) => x.stage !== 'sent');
  const roomy = route.name === 'upload' || route.name === 'me';
  const ask = all.some((x) => x.stage === 'interrupted' || x.stage === 'failed' || x.stage === 'sent');
  const wide = open || roomy || ask;
  const total = busy.reduce((a, x) => a + x.size, 0);
  const sent = busy.reduce((a, x) => a + x.sent, 0);
  const percent = format.percent(total ? (sent / total) * 100 : 100);
  return (
    <section class="dock" aria-label={t.upload.dock} data-wide={wide ? 'true' : undefined} data-screen={route.name}>
      {!wide ? (
        <button type="button" class="dock-pill" aria-expanded="false" onClick={() => setOpen(true)}>
          <UploadIcon size={16} />
          {pillText(busy, percent)}
        </button>
      ) : (
        <>
          {!roomy && busy.length > 0 && !ask && (
            <button type="button" class="dock-fold" aria-expanded="true" onClick={() => setOpen(false)}>
              {t.upload.dismiss}
            </button>
          )}
          <ul class="dock-list">
            {all.map((x) => (
              <Row key={x.id} task={x} />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function pillText(busy: Task[], percent: string): string {
  if (busy.every((x) => x.stage === 'paused')) return t.upload.paused;
  if (busy.every((x) => x.stage === 'waiting' || x.stage === 'paused')) return t.upload.waiting;
  if (busy.every((x) => x.stage === 'finishing')) return t.upload.finishing;
  return t.upload.uploading(percent);
}

function words(task: Task): string {
  const percent = format.percent(task.size ? (task.sent / task.size) * 100 : 0);
  const left = task.rate > 1000 ? ((task.size - task.sent) / task.rate) * 1000 : 0;
  switch (task.stage) {
    case 'preparing':
      return t.upload.preparing;
    case 'uploading':
      return left >= 1000 ? `${t.upload.uploading(percent)} · ${t.upload.left(left)}` : t.upload.uploading(percent);
    case 'paused':
      return `${t.upload.paused} · ${percent}`;
    case 'waiting':
      return t.upload.waiting;
    case 'finishing':
      return t.upload.finishing;
    case 'sent':
      return t.upload.sent;
    case 'failed':
      return task.message ?? t.upload.failed;
    case 'interrupted':
      return t.upload.continueText(percent);
  }
}

function Row({ task }: { task: Task }) {
  const picker = useRef<HTMLInputElement>(null);
  const percent = task.size ? (task.sent / task.size) * 100 : 0;
  const again = async () => {
    if (await carryOn(task.id)) return;
    toast(t.upload.continueRepick(task.name));
    picker.current?.click();
  };
  const picked = (file: File | undefined) => {
    if (file && !carryOnWith(task.id, file)) toast(t.upload.wrongFile(task.name));
  };
  const moving = task.stage === 'uploading' || task.stage === 'waiting' || task.stage === 'preparing';
  const stopped = task.stage === 'interrupted' || task.stage === 'failed';
  return (
    <li class="dock-row" data-stage={task.stage}>
      <div class="dock-main">
        <span class="dock-mark" aria-hidden="true">
          {task.stage === 'sent' ? <DoneIcon size={20} /> : task.stage === 'failed' ? <AlertIcon size={20} /> : <UploadIcon size={20} />}
        </span>
        <div class="grow">
          <p class="clip dock-name">{task.stage === 'interrupted' ? t.upload.continueTitle(task.name) : task.name}</p>
          <p class="small muted dock-words" role={task.stage === 'failed' ? 'alert' : undefined}>
            {words(task)}
          </p>
        </div>
        {task.stage === 'uploading' && (
          <IconButton label={t.upload.pause} onClick={() => pause(task.id)}>
            <PauseIcon size={20} />
          </IconButton>
        )}
        {task.stage === 'paused' && (
          <IconButton label={t.upload.resume} onClick={() => resume(task.id)}>
            <PlayIcon size={20} />
          </IconButton>
        )}
        {stopped && (
          <Button small onClick={() => void again()}>
            {task.stage === 'failed' && <RetryIcon size={16} />}
            {task.stage === 'failed' ? t.upload.retry : t.upload.continue}
          </Button>
        )}
        {task.stage !== 'finishing' && (
          <IconButton label={task.stage === 'sent' ? t.upload.dismiss : t.upload.cancel} onClick={() => (task.stage === 'sent' ? dismiss(task.id) : void cancel(task.id))}>
            <CloseIcon size={20} />
          </IconButton>
        )}
      </div>
      {(moving || task.stage === 'paused') && <Meter value={percent} label={task.name} />}
      <input ref={picker} type="file" accept="video/*" class="visually-hidden" tabIndex={-1} aria-hidden="true" onChange={(e) => picked(e.currentTarget.files?.[0])} />
    </li>
  );
}
