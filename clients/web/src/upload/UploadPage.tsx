/** Pick or record → preview, trim, cover → words → Post. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { uploads, type Limits } from '../api';
import { t } from '../messages';
import { navigate, goBack } from '../router';
import { Button, IconButton } from '../ui';
import { AlertIcon, BackIcon, FolderIcon, UploadIcon, VideoIcon } from '../ui/icons';
import { toast } from '../ui/toast';
import { USUAL_LIMITS, hashtagsOf, refusal, titleOf, transformOf, type Cut } from './check';
import { Details, type Words } from './Details';
import { dropFile, keepFile, keptFile } from './files';
import { Recorder } from './Recorder';
import { begin } from './store';
import { CutEditor } from './CutEditor';
import './upload.css';

const DRAFT_FILE = 'draft';
const DRAFT_WORDS = 'signal.draft';
const NO_WORDS: Words = { caption: '', visibility: 'public' };

interface Draft extends Words {
  name: string;
}

function readDraft(): Draft | null {
  try {
    return JSON.parse(localStorage.getItem(DRAFT_WORDS) ?? 'null') as Draft | null;
  } catch {
    return null;
  }
}

function writeDraft(draft: Draft | null): void {
  try {
    if (draft) localStorage.setItem(DRAFT_WORDS, JSON.stringify(draft));
    else localStorage.removeItem(DRAFT_WORDS);
  } catch {
    // The draft lives in this tab.
  }
}

export default function UploadPage() {
  const [limits, setLimits] = useState<Limits>(USUAL_LIMITS);
  const [file, setFile] = useState<File | null>(null);
  const [words, setWords] = useState<Words>(NO_WORDS);
  const [wrong, setWrong] = useState<string | null>(null);
  const [note, setNote] = useState<string | null>(null);
  const [recording, setRecording] = useState(false);

  useEffect(() => {
    uploads.limits().then(setLimits, () => undefined);
    const draft = readDraft();
    if (!draft) return;
    setWords({ caption: draft.caption, visibility: draft.visibility });
    void keptFile(DRAFT_FILE).then((kept) => {
      if (kept) {
        setFile(kept);
        setNote(t.upload.draftKept(kept.name));
      } else setNote(t.upload.draftRepick(draft.name));
    });
  }, []);

  const take = (picked: File) => {
    const no = refusal(picked, limits);
    setWrong(no);
    if (no) return;
    setNote(null);
    setRecording(false);
    setFile(picked);
    writeDraft({ ...words, name: picked.name });
    void keepFile(DRAFT_FILE, picked);
  };
  const change = (next: Words) => {
    setWords(next);
    if (file) writeDraft({ ...next, name: file.name });
  };
  const discard = () => {
    writeDraft(null);
    void dropFile(DRAFT_FILE);
    setFile(null);
    setWords(NO_WORDS);
    setNote(null);
  };
  const post = (cut: Cut, durationMs: number) => {
    if (!file) return;
    begin(file, {
      filename: file.name,
      size_bytes: file.size,
      content_type: file.type || undefined,
      title: titleOf(words.caption),
      caption: words.caption.trim(),
      hashtags: hashtagsOf(words.caption),
      visibility: words.visibility,
      transform: transformOf(cut, durationMs),
    });
    discard();
    toast(t.upload.started, { label: t.upload.seeVideos, run: () => navigate('/me') });
    navigate('/');
  };

  return (
    <div class={file ? 'page upload-page' : 'page narrow upload-page'}>
      <header class="page-head">
        <IconButton label={t.app.back} onClick={() => (file ? discard() : goBack('/'))}>
          <BackIcon />
        </IconButton>
        <h1>{t.upload.title}</h1>
      </header>
      {note && (
        <div class="notice" role="status">
          <VideoIcon size={20} />
          <span class="grow">{note}</span>
          <Button look="text" onClick={discard}>
            {t.upload.discard}
          </Button>
        </div>
      )}
      {wrong && (
        <div class="notice bad" role="alert">
          <AlertIcon size={20} />
          <span>{wrong}</span>
        </div>
      )}
      {recording ? (
        <Recorder maxMs={limits.max_duration_ms} onDone={take} onCancel={() => setRecording(false)} />
      ) : file ? (
        <Edit key={`${file.name}${file.size}${file.lastModified}`} file={file} limits={limits} words={words} onWords={change} onPost={post} onDiscard={discard} />
      ) : (
        <Pick limits={limits} onPick={take} onRecord={() => setRecording(true)} />
      )}
    </div>
  );
}

function Pick({ limits, onPick, onRecord }: { limits: Limits; onPick: (file: File) => void; onRecord: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const drop = (e: DragEvent) => {
    e.preventDefault();
    setOver(false);
    const file = e.dataTransfer?.files[0];
    if (file) onPick(file);
  };
  return (
    <div
      class="pick"
      data-over={over ? 'true' : undefined}
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <span class="pick-mark" aria-hidden="true">
        <UploadIcon size={32} />
      </span>
      <h2>{t.upload.pickTitle}</h2>
      <p class="muted">{t.upload.pickText}</p>
      <div class="pick-actions">
        <Button wide onClick={() => input.current?.click()}>
          <FolderIcon size={20} />
          {t.upload.choose}
        </Button>
        <Button wide look="quiet" onClick={onRecord}>
          <VideoIcon size={20} />
          {t.upload.record}
        </Button>
      </div>
      <p class="small muted pick-drop">{t.upload.drop}</p>
      <p class="small muted">{t.upload.limits(limits.max_bytes, limits.max_duration_ms, limits.accepted)}</p>
      <input
        ref={input}
        class="visually-hidden"
        type="file"
        accept={['video/*', ...limits.accepted.map((x) => `.${x}`)].join(',')}
        aria-label={t.upload.choose}
        tabIndex={-1}
        onChange={(e) => {
          const file = e.currentTarget.files?.[0];
          e.currentTarget.value = '';
          if (file) onPick(file);
        }}
      />
    </div>
  );
}

interface EditProps {
  file: File;
  limits: Limits;
  words: Words;
  onWords: (words: Words) => void;
  onPost: (cut: Cut, durationMs: number) => void;
  onDiscard: () => void;
}

function Edit({ file, limits, words, onWords, onPost, onDiscard }: EditProps) {
  const [cut, setCut] = useState<Cut>({ startMs: 0, endMs: 0, mute: false, coverMs: null });
  const [durationMs, setDuration] = useState(0);
  const long = durationMs > 0 && cut.endMs - cut.startMs > limits.max_duration_ms + 50;
  return (
    <div class="edit">
      <CutEditor
        file={file}
        cut={cut}
        maxMs={limits.max_duration_ms}
        onCut={setCut}
        onDuration={(ms) => {
          setDuration(ms);
          setCut((c) => ({ ...c, endMs: ms }));
        }}
      />
      <div class="edit-words stack">
        {long && (
          <div class="notice warn" role="alert">
            <AlertIcon size={20} />
            <span>{t.upload.tooLong(cut.endMs - cut.startMs, limits.max_duration_ms)}</span>
          </div>
        )}
        <Details words={words} onChange={onWords} />
        <div class="edit-actions">
          <Button look="quiet" onClick={onDiscard}>
            {t.upload.discard}
          </Button>
          <Button disabled={long} onClick={() => onPost(cut, durationMs)}>
            {t.upload.post}
          </Button>
        </div>
      </div>
    </div>
  );
}
