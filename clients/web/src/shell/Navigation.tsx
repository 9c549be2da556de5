/** Tabs below on a phone, a column at the side from a tablet on. */

import type { ComponentChildren } from 'preact';
import { session } from '../api';
import { t } from '../messages';
import type { Route } from '../router';
import { lookForNew } from '../feed/FeedScreen';
import { ActivityIcon, HomeIcon, PlusIcon, ShieldIcon, UserIcon } from '../ui/icons';

interface TabProps {
  href: string;
  label: string;
  on: boolean;
  kind?: string;
  onClick?: () => void;
  children: ComponentChildren;
}

function Tab({ href, label, on, kind, onClick, children }: TabProps) {
  return (
    <li>
      <a class="nav-tab" data-kind={kind} href={href} aria-current={on ? 'page' : undefined} onClick={onClick}>
        {children}
        <span>{label}</span>
      </a>
    </li>
  );
}

const MINE: Route['name'][] = ['me', 'video', 'settings', 'signin'];

export function Navigation({ route, dark }: { route: Route; dark: boolean }) {
  const isModerator = session.hasRole('moderator');
  const isOperator = session.hasRole('operator');
  // Pressed while the feed shows, the tab looks for new videos, as people expect.
  const again = () => route.name === 'feed' && void lookForNew();
  return (
    <nav class={dark ? 'nav on-video over' : 'nav'} aria-label={t.app.navigation}>
      <a class="nav-brand" href="/" aria-label={t.app.name}>
        <img src="/icon.svg" alt="" width="36" height="36" />
        <span>Signal</span>
      </a>
      <ul>
        <Tab href="/" label={t.app.feed} on={route.name === 'feed'} onClick={again}>
          <HomeIcon />
        </Tab>
        {isModerator && (
          <Tab href="/moderation" label={t.app.moderation} on={route.name === 'moderation'}>
            <ShieldIcon />
          </Tab>
        )}
        <Tab href="/upload" label={t.app.upload} on={route.name === 'upload'} kind="upload">
          <span class="nav-plus">
            <PlusIcon size={22} />
          </span>
        </Tab>
        {isOperator && (
          <Tab href="/ops" label={t.app.ops} on={route.name === 'ops'}>
            <ActivityIcon />
          </Tab>
        )}
        <Tab href="/me" label={t.app.me} on={MINE.includes(route.name)}>
          <UserIcon />
        </Tab>
      </ul>
    </nav>
  );
}
