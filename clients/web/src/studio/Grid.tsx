/** Covers side by side, newest first, each with where it stands. */

import type { ComponentChildren } from 'preact';
import type { Video } from '../api';
import { Poster } from '../feed/Poster';
import { format, t } from '../messages';
import { HeartIcon, PlayIcon } from '../ui/icons';
import { chipText, isLive, statusText, toneOf } from './status';
import './studio.css';

export function Chip({ video }: { video: Video }) {
  return <span class={`chip ${toneOf(video.status)}`}>{chipText(video)}</span>;
}

export const nameOf = (video: Video): string => video.title || video.caption || t.studio.untitled;

interface Props {
  videos: Video[];
  /** Own videos show their status; those of others their likes. */
  own?: boolean;
  href: (video: Video) => string;
  label: string;
  children?: ComponentChildren;
}

export function Grid({ videos, own, href, label }: Props) {
  return (
    <ul class="grid" aria-label={label}>
      {videos.map((video) => (
        <li key={video.id}>
          <a class="tile" href={href(video)}>
            <span class="visually-hidden">
              {own ? t.studio.open(nameOf(video), statusText(video), isLive(video.status) ? video.counts.views : null) : t.studio.openLiked(nameOf(video), video.counts.likes)}
            </span>
            <Poster url={video.playback?.poster_url} blurhash={video.playback?.blurhash} />
            {own && !video.playback && (
              <span class="tile-blank" data-tone={toneOf(video.status)} aria-hidden="true">
                {nameOf(video)}
              </span>
            )}
            <span class="tile-shade" aria-hidden="true" />
            {own && (!isLive(video.status) || video.visibility !== 'public') && (
              <span class="tile-chip" aria-hidden="true">
                <Chip video={video} />
              </span>
            )}
            {isLive(video.status) && (
              <span class="tile-count" aria-hidden="true">
                {own ? <PlayIcon size={14} /> : <HeartIcon size={14} />}
                {format.count(own ? video.counts.views : video.counts.likes)}
              </span>
            )}
            {own && video.status === 'encoding' && video.progress_percent != null && (
              <span class="tile-progress" aria-hidden="true">
                <span style={{ width: `${video.progress_percent}%` }} />
              </span>
            )}
          </a>
        </li>
      ))}
    </ul>
  );
}

export function GridSkeleton() {
  return (
    <div class="grid late" role="status" aria-label={t.app.loading}>
      {Array.from({ length: 6 }, (_, i) => (
        <div class="tile tile-ghost" key={i} />
      ))}
    </div>
  );
}
