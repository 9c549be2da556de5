/** Paths of the app. `/v/` and `/p/` belong to media on the server and are never used here. */

import { computed, signal } from '@preact/signals';

export interface Route {
  name: 'feed' | 'watch' | 'me' | 'video' | 'upload' | 'person' | 'signin' | 'settings' | 'moderation' | 'ops' | 'operator' | 'missing';
  params: Record<string, string>;
  query: URLSearchParams;
}

const TABLE: [RegExp, Route['name'], string[]][] = [
  [/^\/$/, 'feed', []],
  [/^\/watch\/([^/]+)$/, 'watch', ['id']],
  [/^\/me$/, 'me', []],
  [/^\/me\/videos\/([^/]+)$/, 'video', ['id']],
  [/^\/upload$/, 'upload', []],
  [/^\/u\/([^/]+)$/, 'person', ['id']],
  [/^\/signin$/, 'signin', []],
  [/^\/settings$/, 'settings', []],
  [/^\/moderation(?:\/([^/]+))?$/, 'moderation', ['id']],
  [/^\/ops$/, 'ops', []],
  [/^\/operator$/, 'operator', []],
];

export function match(path: string, search: string, hash: string): Route {
  // The one-time link of the terminal: `/operator#code=…` or `/#/operator?code=…`.
  const link = /^#\/operator\?(.*)$/.exec(hash);
  if (link) return { name: 'operator', params: {}, query: new URLSearchParams(link[1]) };
  const query = new URLSearchParams(search);
  const clean = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
  for (const [pattern, name, keys] of TABLE) {
    const hit = pattern.exec(clean);
    if (!hit) continue;
    if (name === 'operator' && hash.startsWith('#')) {
      for (const [key, value] of new URLSearchParams(hash.slice(1))) query.set(key, value);
    }
    const params: Record<string, string> = {};
    keys.forEach((key, i) => {
      const value = hit[i + 1];
      if (value) params[key] = decodeURIComponent(value);
    });
    return { name, params, query };
  }
  return { name: 'missing', params: {}, query };
}

const here = () => location.pathname + location.search + location.hash;
const address = signal(here());

export const route = computed<Route>(() => {
  const url = new URL(address.value, location.origin);
  try {
    return match(url.pathname, url.search, url.hash);
  } catch {
    return { name: 'missing', params: {}, query: url.searchParams };
  }
});

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === here()) return;
  if (options.replace) history.replaceState({ in: true }, '', to);
  else history.pushState({ in: true }, '', to);
  address.value = here();
  if (route.value.name !== 'feed') scrollTo(0, 0);
}

/** Back inside the app; to `fallback` when the person came from elsewhere. */
export function goBack(fallback: string): void {
  if ((history.state as { in?: boolean } | null)?.in) history.back();
  else navigate(fallback, { replace: true });
}

/** Lets plain links change the page without loading it again. */
export function listen(): void {
  const sync = () => (address.value = here());
  addEventListener('popstate', sync);
  addEventListener('hashchange', sync);
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    const path = link.pathname;
    if (link.hash && path === location.pathname && link.getAttribute('href')?.startsWith('#')) return;
    if (match(path, link.search, link.hash).name === 'missing') return;
    event.preventDefault();
    navigate(path + link.search + link.hash);
  });
}
