/** Records with the camera of this device, where the browser allows it. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { format, t } from '../messages';
import { Button, IconButton, State, Waiting } from '../ui';
import { AlertIcon, CloseIcon, RetryIcon } from '../ui/icons';

const KINDS = ['video/mp4;codecs=avc1.42E01E,mp4a.40.2', 'video/mp4', 'video/webm;codecs=vp9,opus', 'video/webm'];

interface Props {
  maxMs: number;
  onDone: (file: File) => void;
  onCancel: () => void;
}

export function Recorder({ maxMs, onDone, onCancel }: Props) {
  const view = useRef<HTMLVideoElement>(null);
  const recorder = useRef<MediaRecorder | null>(null);
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [facing, setFacing] = useState<'user' | 'environment'>('user');
  const [denied, setDenied] = useState(false);
  const [since, setSince] = useState<number | null>(null);
  const [now, setNow] = useState(0);

  useEffect(() => {
    let mine: MediaStream | null = null;
    let gone = false;
    const ask = navigator.mediaDevices?.getUserMedia({ video: { facingMode: facing, width: { ideal: 1080 }, height: { ideal: 1920 } }, audio: true });
    if (!ask || typeof MediaRecorder === 'undefined') return setDenied(true);
    ask.then(
      (s) => {
        mine = s;
        if (gone) return s.getTracks().forEach((x) => x.stop());
        setStream(s);
      },
      () => !gone && setDenied(true),
    );
    return () => {
      gone = true;
      mine?.getTracks().forEach((x) => x.stop());
    };
  }, [facing]);
  useEffect(() => {
    if (view.current) view.current.srcObject = stream;
  }, [stream]);
  useEffect(() => {
    if (since === null) return;
    const timer = setInterval(() => {
      const passed = Date.now() - since;
      setNow(passed);
      if (passed >= maxMs) recorder.current?.stop();
    }, 200);
    return () => clearInterval(timer);
  }, [since]);

  const begin = () => {
    if (!stream) return;
    const mimeType = KINDS.find((k) => MediaRecorder.isTypeSupported(k));
    const made = new MediaRecorder(stream, mimeType ? { mimeType } : undefined);
    const parts: Blob[] = [];
    made.ondataavailable = (e) => parts.push(e.data);
    made.onstop = () => {
      const kind = made.mimeType.split(';')[0] || 'video/webm';
      const when = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
      onDone(new File(parts, `recording-${when}.${kind.endsWith('mp4') ? 'mp4' : 'webm'}`, { type: kind }));
    };
    made.start(1000);
    recorder.current = made;
    setNow(0);
    setSince(Date.now());
  };

  if (denied) {
    return (
      <State live icon={<AlertIcon />} title={t.upload.recordTitle} text={t.upload.recordDenied}>
        <Button onClick={onCancel}>{t.upload.choose}</Button>
      </State>
    );
  }
  return (
    <div class="recorder on-video">
      {!stream && <Waiting />}
      <video ref={view} autoplay muted playsInline data-mirror={facing === 'user' ? 'true' : undefined} aria-hidden="true" />
      <div class="recorder-top">
        <IconButton label={t.app.cancel} onClick={onCancel}>
          <CloseIcon />
        </IconButton>
        {since !== null && (
          <span class="recorder-time" role="timer" aria-label={t.upload.recorded}>
            {format.clock(now)}
          </span>
        )}
        {since === null && (
          <IconButton label={t.upload.recordFlip} onClick={() => setFacing(facing === 'user' ? 'environment' : 'user')}>
            <RetryIcon />
          </IconButton>
        )}
      </div>
      <button
        type="button"
        class="recorder-button"
        data-on={since === null ? undefined : 'true'}
        aria-label={since === null ? t.upload.recordStart : t.upload.recordStop}
        disabled={!stream}
        onClick={() => (since === null ? begin() : recorder.current?.stop())}
      />
    </div>
  );
}
