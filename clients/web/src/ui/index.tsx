/** The small set of parts every screen is made of. */

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { t } from '../messages';
import { Problem, asProblem } from '../api';
import { AlertIcon, CloseIcon, OfflineIcon } from './icons';
import './ui.css';

type Look = 'filled' | 'quiet' | 'outline' | 'danger' | 'text';

interface ButtonProps extends Omit<JSX.ButtonHTMLAttributes, 'size' | 'icon'> {
  look?: Look;
  small?: boolean;
  wide?: boolean;
  children?: ComponentChildren;
}

function buttonClass(look: Look, small?: boolean, wide?: boolean): string {
  return ['button', look === 'filled' ? '' : look, small ? 'small' : '', wide ? 'wide' : ''].filter(Boolean).join(' ');
}

export function Button({ look = 'filled', small, wide, children, ...rest }: ButtonProps) {
  return (
    <button type="button" class={buttonClass(look, small, wide)} {...rest}>
      {children}
    </button>
  );
}

export function LinkButton(props: { href: string; look?: Look; small?: boolean; wide?: boolean; children: ComponentChildren }) {
  return (
    <a class={buttonClass(props.look ?? 'filled', props.small, props.wide)} href={props.href}>
      {props.children}
    </a>
  );
}

interface IconButtonProps extends Omit<JSX.ButtonHTMLAttributes, 'label'> {
  label: string;
  children: ComponentChildren;
}

export function IconButton({ label, children, ...rest }: IconButtonProps) {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} {...rest}>
      {children}
    </button>
  );
}

const AVATAR_COLOURS = ['#5b3df0', '#8a2f9e', '#b3245f', '#a8401b', '#7a5a00', '#2f6b2a', '#0b6a70', '#1f5aa8'];

export function Avatar({ id, name, size }: { id: string; name: string; size?: number }) {
  let sum = 0;
  for (const c of id) sum = (sum * 31 + c.charCodeAt(0)) >>> 0;
  const background = AVATAR_COLOURS[sum % AVATAR_COLOURS.length];
  const style: Record<string, string> = { background: background ?? '#5b3df0' };
  if (size) style['--avatar'] = `${size}px`;
  return (
    <span class="avatar" style={style} aria-hidden="true">
      {[...name.trim()][0] ?? '?'}
    </span>
  );
}

interface StateProps {
  icon?: ComponentChildren;
  title: string;
  text?: string;
  note?: string;
  children?: ComponentChildren;
  live?: boolean;
  /** The heading of the whole page. */
  top?: boolean;
}

/** A face for every state: what happened, why, and what to do next. */
export function State({ icon, title, text, note, children, live, top }: StateProps) {
  return (
    <div class="state" role={live ? 'alert' : undefined}>
      {icon}
      {top ? <h1>{title}</h1> : <h2>{title}</h2>}
      {text && <p>{text}</p>}
      {note && <p class="small mono">{note}</p>}
      {children && <div class="actions">{children}</div>}
    </div>
  );
}

/** What a problem means to the person it happens to. */
export function problemText(error: unknown): string {
  const problem = asProblem(error);
  if (problem.offline) return t.problem.offline;
  if (problem.slug === 'quota-exceeded' || problem.slug === 'insufficient-storage') return problem.detail || t.problem.generic;
  if (problem.status === 429 || problem.status === 503) return t.problem.busy;
  if (problem.status >= 500 || problem.status === 0) return t.problem.generic;
  if (problem.slug === 'gone') return t.problem.gone;
  return problem.detail || (problem.status === 404 ? t.problem.notFound : t.problem.generic);
}

export function ProblemState({ error, title, onRetry, children }: { error: unknown; title?: string; onRetry?: () => void; children?: ComponentChildren }) {
  const problem: Problem = asProblem(error);
  return (
    <State
      live
      icon={problem.offline ? <OfflineIcon /> : <AlertIcon />}
      title={title ?? t.problem.title}
      text={problemText(problem)}
      note={problem.request && problem.status >= 500 ? t.problem.reference(problem.request) : undefined}
    >
      {onRetry && <Button onClick={onRetry}>{t.app.retry}</Button>}
      {children}
    </State>
  );
}

/** Nothing for 400 ms, then a thin bar. */
export function Waiting({ label }: { label?: string }) {
  return (
    <div class="late" role="status">
      <div class="thin-bar" />
      <span class="visually-hidden">{label ?? t.app.loading}</span>
    </div>
  );
}

export function Meter({ value, label }: { value: number; label: string }) {
  const percent = Math.max(0, Math.min(100, value));
  return (
    <div class="meter" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(percent)}>
      <span style={{ width: `${percent}%` }} />
    </div>
  );
}

export function Sheet({ title, onClose, children, dark }: { title: string; onClose: () => void; children: ComponentChildren; dark?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    const before = document.activeElement as HTMLElement | null;
    dialog.showModal();
    return () => before?.focus?.({ preventScroll: true });
  }, []);
  return (
    <dialog
      ref={ref}
      class={dark ? 'sheet on-video' : 'sheet'}
      aria-labelledby={id}
      onClose={onClose}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
      onClick={(e) => e.target === ref.current && onClose()}
      onKeyDown={(e) => e.stopPropagation()}
    >
      <div class="sheet-head">
        <h2 id={id}>{title}</h2>
        <IconButton label={t.app.close} onClick={onClose}>
          <CloseIcon size={20} />
        </IconButton>
      </div>
      <div class="sheet-body">{children}</div>
    </dialog>
  );
}

interface FieldProps {
  label: string;
  hint?: string;
  wrong?: string;
  children: (ids: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean | undefined }) => ComponentChildren;
}

export function Field({ label, hint, wrong, children }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(' ') || undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': wrong ? true : undefined })}
      {hint && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {wrong && (
        <span class="wrong" id={`${id}-wrong`} role="alert">
          {wrong}
        </span>
      )}
    </div>
  );
}

export interface Loaded<T> {
  value: T | undefined;
  error: unknown;
  loading: boolean;
  reload: () => void;
  set: (next: T | ((old: T | undefined) => T | undefined)) => void;
}

/** Loads once per key and again on demand; an old answer never overwrites a newer one. */
export function useLoad<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [value, setValue] = useState<T | undefined>();
  const [error, setError] = useState<unknown>();
  const [loading, setLoading] = useState(true);
  const turn = useRef(0);
  const run = () => {
    const mine = ++turn.current;
    setLoading(true);
    load().then(
      (next) => {
        if (mine !== turn.current) return;
        setValue(() => next);
        setError(undefined);
        setLoading(false);
      },
      (problem: unknown) => {
        if (mine !== turn.current) return;
        setError(problem);
        setLoading(false);
      },
    );
  };
  useEffect(() => {
    setValue(undefined);
    setError(undefined);
    run();
    return () => void turn.current++;
  }, [key]);
  return { value, error, loading, reload: run, set: setValue as Loaded<T>['set'] };
}
