/** Lines for the charts: the server's own where it keeps them, else what was seen since the page opened. */

import type { OpsSeries, OpsSummary } from '../api';
import { titleCase } from './values';

const KEEP = 360;

export class History {
  private lines = new Map<string, [number, number | null][]>();

  add(summary: OpsSummary, at: number): void {
    for (const [name, value] of Object.entries(summary.rates)) {
      const line = this.lines.get(name) ?? [];
      line.push([at, value]);
      this.lines.set(name, line.slice(-KEEP));
    }
  }

  series(summary: OpsSummary): OpsSeries[] {
    if (summary.series?.length) return summary.series;
    return [...this.lines].map(([name, points]) => ({ name, label: titleCase(name), points }));
  }
}
