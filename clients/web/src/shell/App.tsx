/** The frame around every screen: navigation, the feed that stays alive behind the others, words. */

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { session } from '../api';
import { FeedScreen } from '../feed/FeedScreen';
import { t } from '../messages';
import { route, navigate, type Route } from '../router';
import { Button, LinkButton, State, Waiting } from '../ui';
import { AlertIcon, OfflineIcon } from '../ui/icons';
import { Toasts, toast } from '../ui/toast';
import { Navigation } from './Navigation';
import { online } from './network';
import { UploadDock } from '../upload/Dock';
import './shell.css';

type Screen = ComponentType<{ route: Route }>;

const screens: Partial<Record<Route['name'], () => Promise<{ default: Screen }>>> = {
  watch: () => import('../video/WatchPage'),
  me: () => import('../studio/StudioPage'),
  video: () => import('../studio/VideoPage'),
  upload: () => import('../upload/UploadPage'),
  person: () => import('../account/PersonPage'),
  signin: () => import('../account/SignInPage'),
  settings: () => import('../account/SettingsPage'),
  operator: () => import('../account/OperatorPage'),
  moderation: () => import('../moderation/ModerationPage'),
  ops: () => import('../ops/OpsPage'),
};

const DARK: Route['name'][] = ['feed', 'watch'];

export function App() {
  const now = route.value;
  const dark = DARK.includes(now.name);
  useEffect(() => {
    document.title = titleOf(now);
    document.body.classList.toggle('on-video', dark);
  }, [now]);
  useNotices();
  return (
    <>
      <a class="skip-link" href="#main">
        {t.app.skip}
      </a>
      <div class="app" data-screen={now.name} data-offline={online.value ? undefined : 'true'}>
        <Navigation route={now} dark={dark} />
        <main id="main" tabIndex={-1} class={dark ? 'main over' : 'main'}>
          <KeptFeed active={now.name === 'feed'} />
          {now.name !== 'feed' && <Lazy key={now.name} route={now} />}
        </main>
        <OfflineBar />
      </div>
      <UploadDock route={now} />
      <Toasts />
    </>
  );
}

/** The feed is built at its first showing and then only hidden, so that the place is kept. */
function KeptFeed({ active }: { active: boolean }) {
  const [born, setBorn] = useState(active);
  if (active && !born) setBorn(true);
  return (
    <div class="feed-screen" hidden={!active}>
      <h1 class="visually-hidden">{t.app.feed}</h1>
      {(born || active) && <FeedScreen active={active} />}
    </div>
  );
}

function Lazy({ route: now }: { route: Route }) {
  const [screen, setScreen] = useState<{ name: string; Component: Screen } | null>(null);
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let gone = false;
    setFailed(false);
    screens[now.name]?.().then(
      (m) => !gone && setScreen({ name: now.name, Component: m.default }),
      () => !gone && setFailed(true),
    );
    return () => {
      gone = true;
    };
  }, [now.name, attempt]);
  if (!screens[now.name]) {
    return (
      <div class="page">
        <State top icon={<AlertIcon />} title={t.problem.pageMissing} text={t.problem.pageMissingText}>
          <LinkButton href="/">{t.problem.toFeed}</LinkButton>
        </State>
      </div>
    );
  }
  if (failed) {
    return (
      <div class="page">
        <State top live icon={<AlertIcon />} title={t.problem.pageBroken} text={t.problem.pageBrokenText}>
          <Button onClick={() => (attempt ? location.reload() : setAttempt(attempt + 1))}>{t.app.retry}</Button>
        </State>
      </div>
    );
  }
  if (!screen || screen.name !== now.name) return <Waiting />;
  return <screen.Component route={now} />;
}

function OfflineBar() {
  if (online.value) return null;
  return (
    <div class="offline-bar" role="status">
      <OfflineIcon size={16} />
      {t.app.offline}
    </div>
  );
}

function useNotices(): void {
  useEffect(
    () =>
      session.endedUnasked.subscribe((ended) => {
        if (ended) toast(t.app.signedOut, { label: t.app.signIn, run: () => navigate('/signin') });
      }),
    [],
  );
}

function titleOf(now: Route): string {
  const names: Partial<Record<Route['name'], string>> = {
    me: t.studio.title,
    video: t.studio.detail,
    upload: t.upload.title,
    signin: t.app.signIn,
    settings: t.account.settings,
    moderation: t.moderation.title,
    ops: t.ops.title,
    watch: t.share.title,
  };
  const name = names[now.name];
  return name ? `${name} · ${t.app.name}` : t.app.name;
}
