/** Numbers, times and sizes as the platform writes them for the reader's language. */

const locale = typeof document === 'undefined' ? 'en' : document.documentElement.lang || 'en';

const compact = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat(locale);
const oneDigit = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const minute = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'long' });
const plurals = new Intl.PluralRules(locale);

/** 1234 → "1.2K". */
export const count = (n: number): string => compact.format(n);
export const number = (n: number): string => plain.format(n);
export const decimal = (n: number): string => oneDigit.format(n);
export const percent = (n: number): string => `${plain.format(Math.round(n))} %`;
export const date = (ms: number): string => day.format(ms);
export const time = (ms: number): string => minute.format(ms);
export const dateTime = (ms: number): string => moment.format(ms);

export function plural(n: number, one: string, other: string): string {
  return `${plain.format(n)} ${plurals.select(n) === 'one' ? one : other}`;
}

/** 1234 → "1.2K views". */
export function counted(n: number, one: string, other: string): string {
  return `${compact.format(n)} ${plurals.select(n) === 'one' ? one : other}`;
}

/** 83 000 → "1:23". */
export function clock(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(s / 60);
  return `${minutes}:${String(s % 60).padStart(2, '0')}`;
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];
export function bytes(n: number): string {
  let unit = 0;
  let value = n;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${oneDigit.format(value)} ${UNITS[unit]}`;
}

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [60_000, 'second'],
  [3_600_000, 'minute'],
  [86_400_000, 'hour'],
  [604_800_000, 'day'],
  [2_629_800_000, 'week'],
  [31_557_600_000, 'month'],
];
const LENGTH: Record<string, number> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_629_800_000 };

export function ago(ms: number, now: number = Date.now()): string {
  const past = Math.max(0, now - ms);
  for (const [below, unit] of STEPS) {
    if (past < below) return relative.format(-Math.round(past / (LENGTH[unit] ?? 1)), unit);
  }
  return day.format(ms);
}

/** A length of time in its largest unit: "3 min". */
export function span(ms: number): string {
  if (ms < 60_000) return `${Math.max(0, Math.round(ms / 1000))} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${oneDigit.format(ms / 3_600_000)} h`;
  return `${oneDigit.format(ms / 86_400_000)} d`;
}
