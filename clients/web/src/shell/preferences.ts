/** Choices of this browser that outlive the tab. */

import { effect, signal, type Signal } from '@preact/signals';

function remembered<T extends boolean | string>(key: string, initial: T): Signal<T> {
  let start = initial;
  try {
    const text = localStorage.getItem(`signal.${key}`);
    if (text !== null) start = JSON.parse(text) as T;
  } catch {
    // Unreadable or switched off: the initial value stands.
  }
  const value = signal<T>(start);
  effect(() => {
    try {
      localStorage.setItem(`signal.${key}`, JSON.stringify(value.value));
    } catch {
      // Kept for this tab only.
    }
  });
  return value;
}

/** Whether videos play with sound. Browsers start muted; the first tap for sound is remembered. */
export const wantsSound = remembered<boolean>('sound', false);
export const dataSaver = remembered<boolean>('data-saver', false);
/** Whether this browser ever showed a video: an empty feed then means "all seen". */
export const hasWatched = remembered<boolean>('has-watched', false);
export const showText = remembered<boolean>('show-text', true);

export const reducedMotion = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;
