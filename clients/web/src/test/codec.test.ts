import { describe, expect, it } from 'vitest';
import type { Rung } from '../api';
import { chooseLadder, isLevelOf } from '../feed/codec';

const rung = (size: number, codec: string): Rung => ({ rung: size, codecs: `${codec},mp4a.40.2` }) as Rung;
const h264 = [360, 240, 540, 720].map((r) => rung(r, 'avc1.64001f'));
const av1 = [360, 540, 720].map((r) => rung(r, 'av01.0.04M.08'));
const all = (): boolean => true;
const none = (): boolean => false;

describe('the codec of a playback', () => {
  it('is H.264 where the browser does not play AV1, and its rungs alone are chosen from', () => {
    expect(chooseLadder([...h264, ...av1], 360, none)).toEqual({ codec: 'avc1', rungs: [240, 360, 540, 720] });
    expect(chooseLadder([...h264, ...av1], 360, (t) => !t.includes('av01'))).toEqual({ codec: 'avc1', rungs: [240, 360, 540, 720] });
  });

  it('is AV1 where every rung of it plays', () => {
    expect(chooseLadder([...h264, ...av1], 360, all)).toEqual({ codec: 'av01', rungs: [360, 540, 720] });
    const asked: string[] = [];
    chooseLadder([...h264, ...av1], 360, (t) => asked.push(t) > 0);
    expect(asked[0]).toBe('video/mp4; codecs="av01.0.04M.08"');
  });

  it('is H.264 while AV1 lacks a rung to start with or the largest', () => {
    expect(chooseLadder([...h264, ...av1.slice(1)], 360, all).codec).toBe('avc1');
    expect(chooseLadder([...h264, ...av1.slice(0, 2)], 360, all).codec).toBe('avc1');
    expect(chooseLadder(h264, 360, all)).toEqual({ codec: 'avc1', rungs: [240, 360, 540, 720] });
    expect(chooseLadder([], 360, all)).toEqual({ codec: 'avc1', rungs: [] });
  });

  it('decides which levels of the player stay', () => {
    expect([isLevelOf('avc1', 'avc1.64001f'), isLevelOf('avc1', undefined), isLevelOf('avc1', 'av01.0.04M.08')]).toEqual([true, true, false]);
    expect([isLevelOf('av01', 'av01.0.04M.08'), isLevelOf('av01', 'avc1.64001f')]).toEqual([true, false]);
  });
});
