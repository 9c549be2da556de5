/** The still of a video: its blur hash at once, the picture as soon as it is there. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { decodeBlurHash, isBlurHash } from './blurhash';

const W = 16;
const H = 24;

interface Props {
  url?: string | null;
  blurhash?: string | null;
  eager?: boolean;
  fit?: 'cover' | 'contain';
}

export function Poster({ url, blurhash, eager, fit = 'cover' }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    if (!canvas.current || !isBlurHash(blurhash)) return;
    const pixels = decodeBlurHash(blurhash, W, H);
    canvas.current.getContext('2d')?.putImageData(new ImageData(pixels, W, H), 0, 0);
  }, [blurhash]);
  useEffect(() => setMissing(false), [url]);
  return (
    <div class="poster" data-fit={fit}>
      {isBlurHash(blurhash) && <canvas ref={canvas} width={W} height={H} aria-hidden="true" />}
      {url && !missing && (
        <img
          src={url}
          alt=""
          decoding="async"
          draggable={false}
          loading={eager ? 'eager' : 'lazy'}
          {...(eager ? { fetchpriority: 'high' } : {})}
          onError={() => setMissing(true)}
        />
      )}
    </div>
  );
}
