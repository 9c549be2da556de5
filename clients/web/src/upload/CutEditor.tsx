/** The preview: what will be shown, from where to where, with which cover. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { format, t } from '../messages';
import { IconButton } from '../ui';
import { AlertIcon, PauseIcon, PictureIcon, PlayIcon, ScissorsIcon, VolumeOffIcon, VolumeOnIcon } from '../ui/icons';
import type { Cut } from './check';

const FRAMES = 8;
const STEP_MS = 100;
/** A published video is at least this long. */
const SHORTEST_MS = 500;

interface Props {
  file: File;
  cut: Cut;
  maxMs: number;
  onCut: (cut: Cut) => void;
  onDuration: (ms: number) => void;
}

export function CutEditor({ file, cut, maxMs, onCut, onDuration }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [url, setUrl] = useState('');
  const [duration, setDuration] = useState(0);
  const [unseen, setUnseen] = useState(false);
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);

  const measured = () => {
    const v = video.current;
    if (!v) return;
    if (!Number.isFinite(v.duration)) {
      v.currentTime = 1e6; // A recording tells its length only at its end.
      return;
    }
    if (duration) return;
    if (!v.videoWidth) return setUnseen(true);
    setDuration(v.duration * 1000);
    onDuration(v.duration * 1000);
    v.currentTime = Math.min(0.1, v.duration / 2);
  };
  const show = (ms: number) => {
    const v = video.current;
    if (!v) return;
    v.pause();
    v.currentTime = ms / 1000;
  };
  const toggle = () => {
    const v = video.current;
    if (!v) return;
    if (!v.paused) return v.pause();
    if (v.currentTime * 1000 < cut.startMs || v.currentTime * 1000 >= cut.endMs - 50) v.currentTime = cut.startMs / 1000;
    void v.play().catch(() => undefined);
  };
  const guard = () => {
    const v = video.current;
    if (v && !v.paused && v.currentTime * 1000 >= cut.endMs - 30) v.currentTime = cut.startMs / 1000;
  };

  if (unseen) {
    return (
      <div class="cut cut-unseen">
        <AlertIcon size={28} />
        <p class="clip">{file.name}</p>
        <p class="small muted">{t.upload.noPreview}</p>
      </div>
    );
  }
  return (
    <div class="cut">
      <div class="cut-frame on-video">
        {url && (
          <video
            ref={video}
            src={url}
            playsInline
            muted={cut.mute}
            onLoadedMetadata={measured}
            onDurationChange={measured}
            onError={() => setUnseen(true)}
            onPlay={() => setPlaying(true)}
            onPause={() => setPlaying(false)}
            onTimeUpdate={guard}
            onClick={toggle}
            aria-hidden="true"
          />
        )}
        <div class="cut-tools">
          <IconButton label={playing ? t.feed.pause : t.feed.play} onClick={toggle}>
            {playing ? <PauseIcon filled /> : <PlayIcon filled />}
          </IconButton>
          <button
            type="button"
            class="icon-button"
            aria-label={t.upload.mute}
            title={t.upload.mute}
            aria-pressed={cut.mute}
            onClick={() => onCut({ ...cut, mute: !cut.mute })}
          >
            {cut.mute ? <VolumeOffIcon /> : <VolumeOnIcon />}
          </button>
        </div>
      </div>
      {duration > 0 && (
        <>
          <Trim url={url} duration={duration} cut={cut} maxMs={maxMs} onCut={onCut} onShow={show} />
          <Cover cut={cut} onCut={onCut} onShow={show} />
        </>
      )}
    </div>
  );
}

interface TrimProps {
  url: string;
  duration: number;
  cut: Cut;
  maxMs: number;
  onCut: (cut: Cut) => void;
  onShow: (ms: number) => void;
}

function Trim({ url, duration, cut, maxMs, onCut, onShow }: TrimProps) {
  const strip = useRef<HTMLDivElement>(null);
  const held = useRef<'start' | 'end' | null>(null);
  const set = (which: 'start' | 'end', ms: number) => {
    const next = { ...cut };
    if (which === 'start') next.startMs = Math.max(0, Math.min(ms, cut.endMs - SHORTEST_MS));
    else next.endMs = Math.min(duration, Math.max(ms, cut.startMs + SHORTEST_MS));
    if (next.coverMs !== null) next.coverMs = Math.min(Math.max(next.coverMs, next.startMs), next.endMs);
    onCut(next);
    onShow(which === 'start' ? next.startMs : next.endMs - 1);
  };
  const at = (e: PointerEvent): number => {
    const box = strip.current?.getBoundingClientRect();
    return box ? Math.min(1, Math.max(0, (e.clientX - box.left) / box.width)) * duration : 0;
  };
  const handle = (which: 'start' | 'end') => {
    const value = which === 'start' ? cut.startMs : cut.endMs;
    return (
      <div
        class="trim-handle"
        data-which={which}
        role="slider"
        tabIndex={0}
        aria-label={which === 'start' ? t.upload.trimStart : t.upload.trimEnd}
        aria-valuemin={0}
        aria-valuemax={Math.round(duration)}
        aria-valuenow={Math.round(value)}
        aria-valuetext={format.clock(value)}
        style={{ left: `${(value / duration) * 100}%` }}
        onPointerDown={(e) => {
          held.current = which;
          e.currentTarget.setPointerCapture(e.pointerId);
        }}
        onPointerMove={(e) => held.current === which && set(which, at(e))}
        onPointerUp={() => (held.current = null)}
        onKeyDown={(e) => {
          const step = { ArrowLeft: -STEP_MS, ArrowRight: STEP_MS, PageDown: -1000, PageUp: 1000 }[e.key];
          if (!step) return;
          e.preventDefault();
          set(which, value + step);
        }}
      />
    );
  };
  const length = cut.endMs - cut.startMs;
  return (
    <div class="field">
      <div class="row spread">
        <span class="label row">
          <ScissorsIcon size={16} />
          {t.upload.trim}
        </span>
        <span class="small" data-long={length > maxMs + 50 ? 'true' : undefined}>
          {t.upload.trimLength(length)}
        </span>
      </div>
      <div class="trim" ref={strip} role="group" aria-label={t.upload.trim}>
        <Filmstrip url={url} duration={duration} />
        <span class="trim-out" style={{ left: 0, width: `${(cut.startMs / duration) * 100}%` }} />
        <span class="trim-out" style={{ left: `${(cut.endMs / duration) * 100}%`, right: 0 }} />
        <span class="trim-in" style={{ left: `${(cut.startMs / duration) * 100}%`, width: `${(length / duration) * 100}%` }} />
        {handle('start')}
        {handle('end')}
      </div>
    </div>
  );
}

function Cover({ cut, onCut, onShow }: { cut: Cut; onCut: (cut: Cut) => void; onShow: (ms: number) => void }) {
  const set = (ms: number) => {
    onCut({ ...cut, coverMs: ms });
    onShow(ms);
  };
  const middle = (cut.startMs + cut.endMs) / 2;
  return (
    <div class="field">
      <div class="row spread">
        <span class="label row">
          <PictureIcon size={16} />
          {t.upload.cover}
        </span>
        <label class="row small">
          <input type="checkbox" class="check" checked={cut.coverMs === null} onChange={(e) => (e.currentTarget.checked ? onCut({ ...cut, coverMs: null }) : set(middle))} />
          {t.upload.coverAuto}
        </label>
      </div>
      <input
        type="range"
        class="range"
        aria-label={t.upload.coverAt}
        aria-valuetext={cut.coverMs === null ? t.upload.coverAuto : format.clock(cut.coverMs - cut.startMs)}
        min={cut.startMs}
        max={cut.endMs}
        step={STEP_MS}
        value={cut.coverMs ?? middle}
        onInput={(e) => set(Number(e.currentTarget.value))}
      />
    </div>
  );
}

/** Stills along the video, drawn one after another by a hidden player. */
function Filmstrip({ url, duration }: { url: string; duration: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const target = canvas.current;
    const pen = target?.getContext('2d');
    if (!target || !pen) return;
    const source = document.createElement('video');
    let n = 0;
    let stopped = false;
    source.muted = true;
    source.preload = 'auto';
    source.src = url;
    const cell = target.width / FRAMES;
    const seek = () => (source.currentTime = ((n + 0.5) / FRAMES) * (duration / 1000));
    source.onloadeddata = seek;
    source.onseeked = () => {
      if (stopped) return;
      const scale = Math.max(cell / source.videoWidth, target.height / source.videoHeight);
      const w = cell / scale;
      const h = target.height / scale;
      pen.drawImage(source, (source.videoWidth - w) / 2, (source.videoHeight - h) / 2, w, h, n * cell, 0, cell, target.height);
      n += 1;
      if (n < FRAMES) seek();
    };
    return () => {
      stopped = true;
      source.removeAttribute('src');
      source.load();
    };
  }, [url, duration]);
  return <canvas class="filmstrip" ref={canvas} width={FRAMES * 64} height={96} aria-hidden="true" />;
}
