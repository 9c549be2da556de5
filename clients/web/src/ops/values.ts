/** Values of promises and charts as people read them. */

import { format } from '../messages';

/** `ppm` is how shares travel: parts per million. */
export function valueText(value: string | number, unit: string | undefined): string {
  if (typeof value === 'string') return unit ? `${value} ${unit}` : value;
  if (unit === 'ppm') return `${format.decimal(value / 10_000)} %`;
  if (unit === 'bytes' || unit === 'bytes_per_min') return format.bytes(value);
  // The label of such a line says "a minute" already.
  if (unit === 'per_min' || unit === 'jobs' || unit === 'sockets') return format.number(value);
  if (unit === 'ms' && value >= 10_000) return format.span(value);
  const text = Number.isInteger(value) ? format.number(value) : format.decimal(value);
  return unit ? `${text} ${unit}` : text;
}

/** "first_frame" → "First frame". */
export function titleCase(name: string): string {
  const text = name.replaceAll('_', ' ').replaceAll('.', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
