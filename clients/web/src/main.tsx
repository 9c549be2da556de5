import './styles/tokens.css';
import './styles/base.css';
import { render } from 'preact';
import { App } from './shell/App';
import { start as startEvents } from './events/queue';
import { listen } from './router';

listen();
startEvents();
const root = document.getElementById('app');
if (root) render(<App />, root);

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  // Keeping the shell for later must not slow the first video down.
  addEventListener('load', () => setTimeout(() => void navigator.serviceWorker.register('/sw.js').catch(() => undefined), 5_000));
}
