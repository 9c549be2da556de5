import { beforeAll, describe, expect, it } from 'vitest';

let match: typeof import('../router').match;
beforeAll(async () => {
  Object.assign(globalThis, { location: { pathname: '/', search: '', hash: '', origin: 'http://x' } });
  ({ match } = await import('../router'));
});

describe('addresses', () => {
  it('lead to their screens', () => {
    expect(match('/', '', '').name).toBe('feed');
    expect(match('/watch/04bq7c2d8e9fg', '?key=ab', '').params).toEqual({ id: '04bq7c2d8e9fg' });
    expect(match('/me/videos/x', '', '').name).toBe('video');
    expect(match('/moderation', '', '').name).toBe('moderation');
    expect(match('/v/x/y/main.m3u8', '', '').name).toBe('missing');
  });

  it('take the operator link in both spellings', () => {
    for (const route of [match('/operator', '', '#code=abc'), match('/', '', '#/operator?code=abc'), match('/operator', '?code=abc', '')]) {
      expect(route.name).toBe('operator');
      expect(route.query.get('code')).toBe('abc');
    }
  });
});
