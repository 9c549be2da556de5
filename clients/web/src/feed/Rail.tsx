/** The column of actions, low and right. */

import type { ComponentChildren } from 'preact';
import type { FeedItem } from '../api';
import { format, t } from '../messages';
import { wantsSound } from '../shell/preferences';
import { Avatar } from '../ui';
import { BookmarkIcon, HeartIcon, MoreIcon, ShareIcon, VolumeOffIcon, VolumeOnIcon } from '../ui/icons';
import type { Stage } from './stage';
import type { FeedStore } from './store';

interface ActionProps {
  label: string;
  shown?: string;
  pressed?: boolean;
  kind: string;
  onClick: () => void;
  children: ComponentChildren;
}

function Action({ label, shown, pressed, kind, onClick, children }: ActionProps) {
  return (
    <button type="button" class="rail-action" data-kind={kind} aria-label={label} title={label} aria-pressed={pressed} onClick={onClick}>
      {children}
      {shown !== undefined && <span aria-hidden="true">{shown}</span>}
    </button>
  );
}

interface Props {
  item: FeedItem;
  store: FeedStore;
  stage: Stage;
  onMenu: () => void;
}

export function Rail({ item, store, stage, onMenu }: Props) {
  const { owner, counts } = item;
  const sounding = stage.current.value === item.id && stage.sounding.value;
  return (
    <div class="rail" role="toolbar" aria-label={t.feed.actions} aria-orientation="vertical">
      <a class="rail-avatar" href={`/u/${owner.id}`} aria-label={t.feed.profile(owner.display_name)}>
        <Avatar id={owner.id} name={owner.display_name} size={48} />
      </a>
      <Action kind="like" label={t.feed.like(counts.likes)} shown={format.count(counts.likes)} pressed={item.liked} onClick={() => void store.like(item, !item.liked)}>
        <HeartIcon size={32} filled />
      </Action>
      <Action kind="save" label={t.app.save} pressed={item.saved} onClick={() => void store.save(item, !item.saved)}>
        <BookmarkIcon size={30} filled />
      </Action>
      <Action kind="share" label={t.feed.share(counts.shares)} shown={format.count(counts.shares)} onClick={() => void store.share(item)}>
        <ShareIcon size={28} />
      </Action>
      {item.playback?.has_audio !== false && (
        <Action
          kind="sound"
          label={sounding ? t.feed.mute : t.feed.unmute}
          onClick={() => {
            wantsSound.value = !sounding;
            stage.sound(!sounding);
          }}
        >
          {sounding ? <VolumeOnIcon size={26} /> : <VolumeOffIcon size={26} />}
        </Action>
      )}
      <Action kind="more" label={t.feed.menu} onClick={onMenu}>
        <MoreIcon size={28} />
      </Action>
    </div>
  );
}
