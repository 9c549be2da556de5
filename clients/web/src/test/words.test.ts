import { describe, expect, it } from 'vitest';
import { deviceName, newDeviceId } from '../api/device';
import { Problem } from '../api/problem';
import { ago, bytes, clock, count, plural, span } from '../messages/format';
import { chipText, statusText, stepsDone } from '../studio/status';
import { hashtagsOf, refusal, titleOf, transformOf, USUAL_LIMITS } from '../upload/check';
import { valueText } from '../ops/values';

describe('formats', () => {
  it('are short and plain', () => {
    expect(count(1234)).toBe('1.2K');
    expect(clock(83_000)).toBe('1:23');
    expect(bytes(500_000_000)).toBe('500 MB');
    expect(plural(1, 'like', 'likes')).toBe('1 like');
    expect(plural(2, 'like', 'likes')).toBe('2 likes');
    expect(span(90_000)).toBe('2 min');
    expect(ago(0, 7_200_000)).toBe('2 hours ago');
    expect(valueText(20_000, 'ppm')).toBe('2 %');
    expect(valueText(312, 'ms')).toBe('312 ms');
  });
});

describe('status', () => {
  it('speaks plainly and honestly', () => {
    expect(statusText({ status: 'encoding', visibility: 'public', progress_percent: 63 })).toBe('Making it play everywhere 63 %');
    expect(statusText({ status: 'in_review', visibility: 'public' })).toBe('A person is taking a look');
    expect(statusText({ status: 'published', visibility: 'private' })).toBe('Ready, only for you');
    expect(chipText({ status: 'failed', visibility: 'public' })).toBe('Not published');
    expect(stepsDone('published')).toBe(4);
  });
});

describe('a file before its first byte', () => {
  const file = (name: string, size = 10, type = 'video/mp4') => ({ name, size, type });
  it('is refused with a sentence, or goes', () => {
    expect(refusal(file('IMG_0001.MOV'), USUAL_LIMITS)).toBeNull();
    expect(refusal(file('a.mp4', 0), USUAL_LIMITS)).toContain('empty');
    expect(refusal(file('a.mp4', 600_000_000), USUAL_LIMITS)).toContain('500 MB');
    expect(refusal(file('a.zip', 10, 'application/zip'), USUAL_LIMITS)).toContain('does not look like a video');
  });

  it('gives its hashtags and title', () => {
    expect(hashtagsOf('One #Sea two #sea #été_1 # none')).toEqual(['sea', 'été_1']);
    expect(titleOf('Ferry at dusk #sea\nsecond line')).toBe('Ferry at dusk');
    expect(titleOf('x'.repeat(200))).toHaveLength(80);
  });

  it('says only what differs, the cover in published time', () => {
    expect(transformOf({ startMs: 0, endMs: 8000, mute: false, coverMs: null }, 8000)).toBeUndefined();
    expect(transformOf({ startMs: 2000, endMs: 6000, mute: true, coverMs: 2500 }, 8000)).toEqual({ trim_start_ms: 2000, trim_end_ms: 6000, mute: true, cover_at_ms: 500 });
    expect(transformOf({ startMs: 0, endMs: 8000, mute: false, coverMs: 9000 }, 8000)).toEqual({ cover_at_ms: 7999 });
  });
});

describe('devices and problems', () => {
  it('have ids of 128 bits', () => {
    expect(newDeviceId((b) => b.fill(255))).toBe(`7${'z'.repeat(25)}`);
    expect(newDeviceId()).toMatch(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    expect(deviceName('Mozilla/5.0 (Linux; Android 14) Chrome/156.0 Mobile Safari/537.36')).toBe('Chrome on Android');
  });

  it('know what passes by itself', () => {
    expect(new Problem('overloaded', 503).temporary).toBe(true);
    expect(new Problem('offline', 0).temporary).toBe(true);
    expect(new Problem('quota-exceeded', 429).temporary).toBe(false);
    expect(new Problem('forbidden', 403).temporary).toBe(false);
  });
});
