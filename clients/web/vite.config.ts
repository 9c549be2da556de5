import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { defineConfig, type Plugin } from 'vite';

/** Where `signal up` (or `npm run mock`) listens while the app is developed. */
const API_ORIGIN = process.env['SIGNAL_API'] ?? 'http://127.0.0.1:8080';

/** Writes `sw.js` with the list of shell files, so that a new build is a new worker. */
function serviceWorker(): Plugin {
  return {
    name: 'signal-service-worker',
    apply: 'build',
    generateBundle(_options, bundle) {
      const shell = Object.keys(bundle)
        .filter((name) => name.startsWith('assets/') && !name.endsWith('.map'))
        .map((name) => `/${name}`)
        .sort();
      const template = readFileSync(new URL('./src/shell/sw.js', import.meta.url), 'utf8');
      const version = createHash('sha256').update(shell.join('\n')).update(template).digest('hex').slice(0, 12);
      const source = template
        .replace("'__VERSION__'", JSON.stringify(version))
        .replace("['__SHELL__']", JSON.stringify(shell));
      this.emitFile({ type: 'asset', fileName: 'sw.js', source });
    },
  };
}

export default defineConfig({
  plugins: [serviceWorker()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    manifest: true,
    sourcemap: false,
    // Nothing is inlined as data: URLs, so that the content policy can stay at 'self'.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
  },
  server: {
    port: 5173,
    proxy: Object.fromEntries(
      ['/v1', '/v/', '/p/', '/healthz', '/openapi.json'].map((path) => [
        path,
        { target: API_ORIGIN, changeOrigin: true, ws: true },
      ]),
    ),
  },
});
