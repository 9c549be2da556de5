/** Short words at the bottom of the screen, read out by screen readers. */

import { signal } from '@preact/signals';
import { Button } from '.';

interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 4_000;
const WITH_ACTION_MS = 9_000;

const toasts = signal<Toast[]>([]);
const spoken = signal('');
let last = 0;

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((x) => x.id !== id);
}

/** Takes back words that became needless, such as a way to where one is now. */
export function unsay(text: string): void {
  toasts.value = toasts.value.filter((x) => x.text !== text);
}

export function toast(text: string, action?: Toast['action']): number {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-2), { id, text, action }];
  setTimeout(() => dismiss(id), action ? WITH_ACTION_MS : SHOWN_MS);
  return id;
}

/** Says something to screen readers only. */
export function announce(text: string): void {
  spoken.value = '';
  requestAnimationFrame(() => (spoken.value = text));
}

export function Toasts() {
  return (
    <>
      <div class="toasts" role="status" aria-live="polite">
        {toasts.value.map((x) => (
          <div class="toast" key={x.id}>
            <span class="grow">{x.text}</span>
            {x.action && (
              <Button
                look="text"
                onClick={() => {
                  dismiss(x.id);
                  x.action?.run();
                }}
              >
                {x.action.label}
              </Button>
            )}
          </div>
        ))}
      </div>
      <div class="visually-hidden" role="status" aria-live="polite">
        {spoken.value}
      </div>
    </>
  );
}
