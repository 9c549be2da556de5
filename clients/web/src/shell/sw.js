// Keeps the shell (page, scripts, styles) so that the app opens without a network.
// It never stores API answers or media: those have their own rules and their own caches.
const VERSION = '__VERSION__';
const SHELL = ['__SHELL__'];
const CACHE = `signal-shell-${VERSION}`;
const PAGE = '/';

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll([PAGE, '/manifest.webmanifest', '/icon.svg', ...SHELL]))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((n) => n.startsWith('signal-shell-') && n !== CACHE).map((n) => caches.delete(n))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (/^\/(v1|v|p|docs|metrics|healthz|readyz|openapi\.json|\.well-known)(\/|$)/.test(url.pathname)) return;
  if (request.mode === 'navigate') {
    // The page is asked from the server first: a new version must show at once.
    event.respondWith(fetch(request).catch(async () => (await caches.match(PAGE)) ?? Response.error()));
    return;
  }
  if (SHELL.includes(url.pathname) || url.pathname === '/icon.svg') {
    event.respondWith(caches.match(request).then((hit) => hit ?? fetch(request)));
  }
});
