/** Sign in, or make the guest of this browser an account. */

import { useState } from 'preact/hooks';
import { asProblem, auth, session } from '../api';
import { t } from '../messages';
import { goBack, navigate, type Route } from '../router';
import { Button, Field, IconButton, problemText } from '../ui';
import { BackIcon, EyeIcon, EyeOffIcon, AlertIcon } from '../ui/icons';
import { toast } from '../ui/toast';
import './account.css';

const PASSWORD_MIN = 10;

interface Wrong {
  name?: string;
  email?: string;
  password?: string;
  all?: string;
}

export default function SignInPage({ route }: { route: Route }) {
  const isNew = route.query.has('new');
  return (
    <div class="page narrow">
      <header class="page-head">
        <IconButton label={t.app.back} onClick={() => goBack('/me')}>
          <BackIcon />
        </IconButton>
      </header>
      <Form key={String(isNew)} isNew={isNew} />
    </div>
  );
}

function Form({ isNew }: { isNew: boolean }) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<Wrong>({});

  const check = (): Wrong => ({
    name: isNew && !name.trim() ? t.account.needName : undefined,
    email: /^\S+@\S+\.\S+$/.test(email.trim()) ? undefined : t.account.needEmail,
    password: password.length >= (isNew ? PASSWORD_MIN : 1) ? undefined : isNew ? t.account.shortPassword : t.account.needPassword,
  });
  const submit = async (e: Event) => {
    e.preventDefault();
    const found = check();
    setWrong(found);
    if (found.name || found.email || found.password) return;
    setBusy(true);
    try {
      if (isNew) await auth.register(email.trim(), password, name.trim());
      else await auth.login(email.trim(), password);
      toast(t.account.welcome(session.user.value?.display_name ?? ''));
      navigate('/me', { replace: true });
    } catch (error) {
      setWrong(explain(error));
      setBusy(false);
    }
  };

  return (
    <form class="stack" onSubmit={(e) => void submit(e)} noValidate>
      <div>
        <h1>{isNew ? t.account.registerTitle : t.account.signInTitle}</h1>
        <p class="muted">{isNew ? t.account.registerText : t.account.signInText}</p>
      </div>
      {wrong.all && (
        <div class="notice bad" role="alert">
          <AlertIcon size={20} />
          <span>{wrong.all}</span>
        </div>
      )}
      {isNew && (
        <Field label={t.account.name} hint={t.account.nameHint} wrong={wrong.name}>
          {(ids) => <input class="input" autocomplete="nickname" maxLength={50} {...ids} value={name} onInput={(e) => setName(e.currentTarget.value)} />}
        </Field>
      )}
      <Field label={t.account.email} wrong={wrong.email}>
        {(ids) => <input class="input" type="email" inputMode="email" autocomplete="username" {...ids} value={email} onInput={(e) => setEmail(e.currentTarget.value)} />}
      </Field>
      <Field label={t.account.password} hint={isNew ? t.account.passwordHint : undefined} wrong={wrong.password}>
        {(ids) => (
          <div class="password">
            <input
              class="input"
              type={shown ? 'text' : 'password'}
              autocomplete={isNew ? 'new-password' : 'current-password'}
              {...ids}
              value={password}
              onInput={(e) => setPassword(e.currentTarget.value)}
            />
            <button type="button" class="icon-button" aria-label={t.account.showPassword} aria-pressed={shown} onClick={() => setShown(!shown)}>
              {shown ? <EyeOffIcon size={20} /> : <EyeIcon size={20} />}
            </button>
          </div>
        )}
      </Field>
      <Button type="submit" wide disabled={busy}>
        {isNew ? t.account.register : t.account.signIn}
      </Button>
      <p class="other-way">
        <a href={isNew ? '/signin' : '/signin?new=1'}>{isNew ? t.account.toSignIn : t.account.toRegister}</a>
      </p>
    </form>
  );
}

function explain(error: unknown): Wrong {
  const problem = asProblem(error);
  if (problem.slug === 'wrong-credentials') return { all: t.account.wrong };
  if (problem.slug === 'email-taken') return { email: t.account.emailTaken };
  const of = (field: string) => problem.fields.find((f) => f.field === field)?.message;
  const found: Wrong = { name: of('display_name'), email: of('email'), password: of('password') };
  return found.name || found.email || found.password ? found : { all: problemText(problem) };
}
