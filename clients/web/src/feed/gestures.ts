/** Tap, double tap and long press on a surface that also scrolls. */

import { policy } from './policy';

interface Handlers {
  tap: () => void;
  doubleTap: (x: number, y: number) => void;
  longPress: () => void;
}

const SLOP_PX = 10;

export function gestures(surface: HTMLElement, on: Handlers): () => void {
  let down: { x: number; y: number; at: number } | null = null;
  let lastTap = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const cancel = () => {
    clearTimeout(timer);
    down = null;
  };
  const start = (e: PointerEvent) => {
    if (e.button !== 0 || !e.isPrimary) return;
    down = { x: e.clientX, y: e.clientY, at: e.timeStamp };
    clearTimeout(timer);
    timer = setTimeout(() => {
      down = null;
      on.longPress();
    }, policy.longPressMs);
  };
  const move = (e: PointerEvent) => {
    if (down && Math.hypot(e.clientX - down.x, e.clientY - down.y) > SLOP_PX) cancel();
  };
  const end = (e: PointerEvent) => {
    if (!down) return;
    cancel();
    const double = e.timeStamp - lastTap < policy.doubleTapMs;
    lastTap = double ? 0 : e.timeStamp;
    // A tap is answered at once; the second of a double tap takes it back and likes instead.
    on.tap();
    if (double) on.doubleTap(e.clientX, e.clientY);
  };
  const menu = (e: Event) => {
    e.preventDefault();
    cancel();
    on.longPress();
  };
  surface.addEventListener('pointerdown', start);
  surface.addEventListener('pointermove', move);
  surface.addEventListener('pointerup', end);
  surface.addEventListener('pointercancel', cancel);
  surface.addEventListener('pointerleave', cancel);
  surface.addEventListener('contextmenu', menu);
  return () => {
    cancel();
    surface.removeEventListener('pointerdown', start);
    surface.removeEventListener('pointermove', move);
    surface.removeEventListener('pointerup', end);
    surface.removeEventListener('pointercancel', cancel);
    surface.removeEventListener('pointerleave', cancel);
    surface.removeEventListener('contextmenu', menu);
  };
}
