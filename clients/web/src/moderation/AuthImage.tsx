/** A picture that only moderators may fetch: asked for with the token, shown from memory. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { raw } from '../api/client';

export function AuthImage({ url, alt }: { url: string; alt: string }) {
  const box = useRef<HTMLSpanElement>(null);
  const [src, setSrc] = useState('');
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const stop = new AbortController();
    let made = '';
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((e) => e.isIntersecting)) return;
        seen.disconnect();
        raw(url, { headers: { accept: 'image/*' }, signal: stop.signal })
          .then((r) => r.blob())
          .then(
            (blob) => {
              if (stop.signal.aborted) return;
              made = URL.createObjectURL(blob);
              setSrc(made);
            },
            () => undefined,
          );
      },
      { rootMargin: '300px' },
    );
    seen.observe(element);
    return () => {
      stop.abort();
      seen.disconnect();
      if (made) URL.revokeObjectURL(made);
    };
  }, [url]);
  return (
    <span class="auth-image" ref={box}>
      {src && <img src={src} alt={alt} draggable={false} />}
    </span>
  );
}
