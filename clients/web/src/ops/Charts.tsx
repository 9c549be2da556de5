/** Lines over time, each with its promise drawn as a dashed line. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type uPlotClass from 'uplot';
import type { OpsSeries } from '../api';
import { format, t } from '../messages';
import { titleCase, valueText } from './values';

const HEIGHT = 160;

export function Charts({ series }: { series: OpsSeries[] }) {
  const drawn = series.filter((s) => s.points.filter(([, v]) => v !== null).length > 1);
  return (
    <section aria-labelledby="ops-charts">
      <h2 id="ops-charts">{t.ops.charts}</h2>
      {drawn.length ? (
        <div class="charts">
          {drawn.map((s) => (
            <Chart key={s.name} series={s} />
          ))}
        </div>
      ) : (
        <p class="muted">{t.ops.chartsWaiting}</p>
      )}
    </section>
  );
}

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function Chart({ series }: { series: OpsSeries }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlotClass | null>(null);
  const [Plot, setPlot] = useState<typeof uPlotClass | null>(null);
  const scale = series.unit === 'ppm' ? 1 / 10_000 : 1;
  const unit = series.unit === 'ppm' ? '%' : (series.unit ?? '');
  const xs = series.points.map(([at]) => at / 1000);
  const ys = series.points.map(([, v]) => (v === null ? null : v * scale));
  const target = series.target == null ? null : series.target * scale;
  const data = (target === null ? [xs, ys] : [xs, ys, xs.map(() => target)]) as uPlotClass.AlignedData;
  const last = [...series.points].reverse().find(([, v]) => v !== null)?.[1] ?? null;

  useEffect(() => {
    void import('./plot').then((m) => setPlot(() => m.default));
  }, []);
  useEffect(() => {
    const element = box.current;
    if (!Plot || !element) return;
    const axis = { stroke: token('--muted'), grid: { stroke: token('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
    const made = new Plot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { drag: { x: false, y: false } },
        scales: { y: { range: (_u, min, max) => [Math.min(0, min), Math.max(max, target ?? 0) * 1.15 || 1] } },
        axes: [{ ...axis, space: 80, size: 28, values: (_u, ticks) => ticks.map((s) => format.time(s * 1000)) }, { ...axis, size: 48 }],
        series: [
          {},
          { stroke: token('--accent'), width: 2, fill: `${token('--accent-soft')}66`, points: { show: false }, spanGaps: true },
          ...(target === null ? [] : [{ stroke: token('--warn'), width: 1.5, dash: [6, 5], points: { show: false } }]),
        ],
      },
      data,
      element,
    );
    plot.current = made;
    const sized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [Plot, target === null]);
  useEffect(() => plot.current?.setData(data), [series.points.length, xs[xs.length - 1]]);

  const name = series.label || titleCase(series.name);
  return (
    <figure class="chart card">
      <figcaption class="row spread">
        <span class="chart-name">{name}</span>
        <span class="mono">{last === null ? '–' : valueText(last, series.unit)}</span>
      </figcaption>
      <div class="chart-box" ref={box} role="img" aria-label={`${name}: ${last === null ? '–' : valueText(last, series.unit)}${target === null ? '' : `, ${t.ops.target(`${target} ${unit}`)}`}`} />
    </figure>
  );
}
