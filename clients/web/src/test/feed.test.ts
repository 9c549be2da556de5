import { describe, expect, it } from 'vitest';
import { decodeBlurHash, isBlurHash } from '../feed/blurhash';
import { countsAsView, policy, startIndex, startRung } from '../feed/policy';

describe('the seed’s player policy', () => {
  it('keeps its numbers', () => {
    // "Pool: 2–3 player instances", "5–8 s of next clip only", "if TFF > 1.5 s", "2 re-buffers in first 5 s, lock ≤ 540p"
    expect(policy.pool).toBe(3);
    expect(policy.nextAheadS).toBeGreaterThanOrEqual(5);
    expect(policy.nextAheadS).toBeLessThanOrEqual(8);
    expect(policy.slowFirstFrameMs).toBe(1500);
    expect([policy.lockAfterRebuffers, policy.lockWithinMs, policy.lockRung]).toEqual([2, 5000, 540]);
  });

  it('starts at 360p unless the network is known to be strong', () => {
    expect(startRung(undefined, 360, false)).toBe(360);
    expect(startRung(8_000, 360, false)).toBe(360);
    expect(startRung(8_001, 360, false)).toBe(540);
    expect(startRung(20_000, 360, true)).toBe(360);
  });

  it('takes the nearest rung below the asked one', () => {
    expect(startIndex([240, 360, 540, 720], 360)).toBe(1);
    expect(startIndex([240, 540], 360)).toBe(0);
    expect(startIndex([540, 720], 360)).toBe(0);
    expect(startIndex([144], 360)).toBe(0);
  });

  it('counts a view at two seconds or half', () => {
    expect(countsAsView(1_999, 0, 10_000)).toBe(false);
    expect(countsAsView(2_000, 0, 10_000)).toBe(true);
    expect(countsAsView(1_000, 500, 1_000)).toBe(true);
    expect(countsAsView(0, 5_000, 0)).toBe(false);
  });
});

describe('blur hashes', () => {
  it('are told from other text', () => {
    expect(isBlurHash('LEHV6nWB2yk8pyo0adR*.7kCMdnj')).toBe(true);
    expect(isBlurHash('nonsense')).toBe(false);
    expect(isBlurHash(null)).toBe(false);
  });

  it('become opaque pixels', () => {
    const pixels = decodeBlurHash('LEHV6nWB2yk8pyo0adR*.7kCMdnj', 4, 4);
    expect(pixels.length).toBe(64);
    expect(pixels[3]).toBe(255);
    expect(pixels[0]).toBeGreaterThan(60);
  });
});
