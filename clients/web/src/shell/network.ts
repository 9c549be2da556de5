/** Whether the browser believes it has a network. */

import { signal } from '@preact/signals';

export const online = signal(navigator.onLine);
addEventListener('online', () => (online.value = true));
addEventListener('offline', () => (online.value = false));

/** Resolves when the network is back, at once when it is there. */
export function whenOnline(): Promise<void> {
  if (online.value) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = online.subscribe((now) => {
      if (!now) return;
      queueMicrotask(() => stop());
      resolve();
    });
  });
}

/** Waits with full jitter before attempt `n` (from 0): 0.5 s base, 30 s cap. */
export function backoffMs(n: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(30_000, 500 * 2 ** n));
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
