/** Profile, devices, playback choices, the consoles one may open, and the way out. */

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { auth, house, people, session, type Device } from '../api';
import { format, t } from '../messages';
import { goBack, navigate } from '../router';
import { dataSaver, wantsSound } from '../shell/preferences';
import { Button, Field, IconButton, LinkButton, ProblemState, Waiting, problemText, useLoad } from '../ui';
import { ActivityIcon, BackIcon, DevicesIcon, ForwardIcon, ShieldIcon, SignOutIcon } from '../ui/icons';
import { toast } from '../ui/toast';
import './account.css';

export default function SettingsPage() {
  const user = session.user.value;
  useEffect(() => void people.me().catch(() => undefined), []);
  return (
    <div class="page">
      <header class="page-head">
        <IconButton label={t.app.back} onClick={() => goBack('/me')}>
          <BackIcon />
        </IconButton>
        <h1>{t.account.settings}</h1>
      </header>
      <div class="stack settings">
        {user?.guest ? (
          <section class="notice me-guest">
            <div class="grow">
              <h2>{t.studio.guestTitle}</h2>
              <p class="small">{t.studio.guestText}</p>
            </div>
            <LinkButton small href="/signin?new=1">
              {t.studio.createAccount}
            </LinkButton>
            <LinkButton small look="text" href="/signin">
              {t.app.signIn}
            </LinkButton>
          </section>
        ) : (
          user && <Profile key={user.id} />
        )}
        <Playback />
        <Consoles />
        <Devices />
        <About />
        {!user?.guest && <SignOut />}
      </div>
    </div>
  );
}

function Section({ title, text, children }: { title: string; text?: string; children: ComponentChildren }) {
  return (
    <section class="card stack">
      <div>
        <h2>{title}</h2>
        {text && <p class="small muted">{text}</p>}
      </div>
      {children}
    </section>
  );
}

function Profile() {
  const user = session.user.value;
  const [name, setName] = useState(user?.display_name ?? '');
  const [handle, setHandle] = useState(user?.handle ?? '');
  const [bio, setBio] = useState(user?.bio ?? '');
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const changed = name !== user?.display_name || handle !== user?.handle || bio !== (user?.bio ?? '');
  const save = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setWrong({});
    try {
      const body: { display_name?: string; handle?: string; bio?: string } = {};
      if (name !== user?.display_name) body.display_name = name.trim();
      if (handle !== user?.handle) body.handle = handle.trim();
      if (bio !== (user?.bio ?? '')) body.bio = bio.trim();
      await people.changeMe(body);
      toast(t.studio.savedChanges);
    } catch (error) {
      const fields = (error as { fields?: { field: string; message: string }[] }).fields ?? [];
      if (fields.length) setWrong(Object.fromEntries(fields.map((f) => [f.field, f.message])));
      else toast(problemText(error));
    }
    setBusy(false);
  };
  return (
    <Section title={t.account.profile} text={user?.email ?? undefined}>
      <form class="stack" onSubmit={(e) => void save(e)}>
        <Field label={t.account.name} hint={t.account.nameHint} wrong={wrong['display_name']}>
          {(ids) => <input class="input" maxLength={50} {...ids} value={name} onInput={(e) => setName(e.currentTarget.value)} />}
        </Field>
        <Field label={t.account.handle} hint={t.account.handleHint} wrong={wrong['handle']}>
          {(ids) => <input class="input" maxLength={30} autocapitalize="none" spellcheck={false} {...ids} value={handle} onInput={(e) => setHandle(e.currentTarget.value)} />}
        </Field>
        <Field label={t.account.bio} wrong={wrong['bio']}>
          {(ids) => <textarea class="input" maxLength={160} {...ids} value={bio} onInput={(e) => setBio(e.currentTarget.value)} />}
        </Field>
        <div>
          <Button type="submit" disabled={!changed || busy}>
            {t.app.save}
          </Button>
        </div>
      </form>
    </Section>
  );
}

function Playback() {
  return (
    <Section title={t.account.playback}>
      <label class="choice">
        <input type="checkbox" checked={!wantsSound.value} onChange={(e) => (wantsSound.value = !e.currentTarget.checked)} />
        <span>{t.account.startMuted}</span>
      </label>
      <label class="choice">
        <input type="checkbox" checked={dataSaver.value} onChange={(e) => (dataSaver.value = e.currentTarget.checked)} />
        <span>
          {t.account.dataSaver}
          <br />
          <span class="hint">{t.account.dataSaverHint}</span>
        </span>
      </label>
    </Section>
  );
}

function Consoles() {
  const moderator = session.hasRole('moderator');
  const operator = session.hasRole('operator');
  if (!moderator && !operator) return null;
  return (
    <Section title={t.account.consoles}>
      <ul class="menu-list">
        {moderator && (
          <li>
            <a class="menu-item" href="/moderation">
              <ShieldIcon />
              {t.app.moderation}
              <span class="value">
                <ForwardIcon size={20} />
              </span>
            </a>
          </li>
        )}
        {operator && (
          <li>
            <a class="menu-item" href="/ops">
              <ActivityIcon />
              {t.app.ops}
              <span class="value">
                <ForwardIcon size={20} />
              </span>
            </a>
          </li>
        )}
      </ul>
    </Section>
  );
}

function Devices() {
  const list = useLoad('devices', () => auth.devices());
  const revoke = async (device: Device) => {
    try {
      await auth.revoke(device.device_id);
      list.set((now) => now && { items: now.items.filter((d) => d.device_id !== device.device_id) });
      toast(t.account.revoked);
    } catch (error) {
      toast(problemText(error));
    }
  };
  return (
    <Section title={t.account.devices} text={t.account.devicesText}>
      {list.error ? <ProblemState error={list.error} onRetry={list.reload} /> : !list.value ? <Waiting /> : null}
      <ul class="stack-s">
        {list.value?.items.map((d) => (
          <li class="device" key={d.device_id}>
            <DevicesIcon size={20} />
            <div class="grow">
              <p class="clip">{d.name || d.device_id}</p>
              <p class="small muted">{d.current ? t.account.thisDevice : t.account.lastSeen(format.ago(d.last_seen_at_ms))}</p>
            </div>
            {!d.current && (
              <Button small look="quiet" aria-label={`${t.account.revoke}: ${d.name}`} onClick={() => void revoke(d)}>
                {t.account.revoke}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function About() {
  const [version, setVersion] = useState('');
  useEffect(() => void house.config().then((c) => setVersion(c.version ?? ''), () => undefined), []);
  return (
    <Section title={t.account.about}>
      <p class="small muted">{version && t.account.version(version)}</p>
      <p>
        <a href="/docs" target="_blank" rel="noreferrer">
          {t.account.apiDocs}
        </a>
      </p>
    </Section>
  );
}

function SignOut() {
  const leave = async () => {
    try {
      await auth.logout();
    } catch {
      // Signed out here even when the server could not be told.
    }
    toast(t.account.signedOut);
    navigate('/', { replace: true });
  };
  return (
    <div>
      <Button look="outline" onClick={() => void leave()}>
        <SignOutIcon size={18} />
        {t.account.signOut}
      </Button>
    </div>
  );
}
