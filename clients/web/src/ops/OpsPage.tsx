/** Is it well? Promises first, then charts with the promise drawn in, then tables. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { ops, type OpsSummary, type Promise_ } from '../api';
import { format, t } from '../messages';
import { Guarded } from '../shell/Guarded';
import { ProblemState, Waiting } from '../ui';
import { AlertIcon, DoneIcon } from '../ui/icons';
import { Charts } from './Charts';
import { History } from './history';
import { DeadLetters } from './DeadLetters';
import { People } from './People';
import { titleCase, valueText } from './values';
import './ops.css';

const EVERY_MS = 5_000;
/** Without an answer for so long the numbers are old. */
const STALE_MS = 20_000;

export default function OpsPage() {
  return (
    <Guarded role="operator" title={t.ops.denied} text={t.ops.deniedText}>
      <Dashboard />
    </Guarded>
  );
}

function Dashboard() {
  const [summary, setSummary] = useState<OpsSummary | null>(null);
  const [error, setError] = useState<unknown>();
  const [at, setAt] = useState(Date.now());
  const [now, setNow] = useState(Date.now());
  const history = useRef(new History());
  const ask = () =>
    ops.summary().then(
      (next) => {
        history.current.add(next, Date.now());
        setSummary(next);
        setError(undefined);
        setAt(Date.now());
      },
      (problem: unknown) => setError(problem),
    );
  useEffect(() => {
    void ask();
    const timer = setInterval(() => {
      setNow(Date.now());
      if (document.visibilityState === 'visible') void ask();
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, []);

  if (!summary) {
    return <div class="page wide">{error ? <ProblemState error={error} onRetry={() => void ask()} /> : <Waiting />}</div>;
  }
  const dead = summary.queues.reduce((n, q) => n + q.dead, 0);
  return (
    <div class="page wide ops">
      <header class="page-head ops-head">
        <h1>{t.ops.title}</h1>
        <p class="small muted">
          {t.ops.up(summary.uptime_s)} · {t.ops.version(summary.version)}
        </p>
      </header>
      {now - at > STALE_MS && (
        <p class="notice warn" role="alert">
          <AlertIcon size={20} />
          {t.ops.stale}
        </p>
      )}
      <Verdict summary={summary} />
      <section aria-labelledby="ops-promises">
        <h2 id="ops-promises">{t.ops.promises}</h2>
        <ul class="promises">
          {summary.promises.map((p) => (
            <PromiseCard key={p.name} promise={p} />
          ))}
        </ul>
      </section>
      <Charts series={history.current.series(summary)} />
      <Queues summary={summary} />
      <DeadLetters dead={dead} onChanged={() => void ask()} />
      <Disk summary={summary} />
      <People />
    </div>
  );
}

function Verdict({ summary }: { summary: OpsSummary }) {
  const amber = summary.promises.some((p) => p.state === 'amber');
  const tone = !summary.ok ? 'bad' : amber ? 'warn' : 'good';
  const text = !summary.ok ? t.ops.notWell : amber ? t.ops.attention : t.ops.allWell;
  return (
    <p class="verdict" data-tone={tone} role="status">
      {tone === 'good' ? <DoneIcon size={28} /> : <AlertIcon size={28} />}
      {text}
    </p>
  );
}

function PromiseCard({ promise: p }: { promise: Promise_ }) {
  const sign = p.bound === 'at_least' ? '≥ ' : p.bound === 'below' ? '< ' : '';
  return (
    <li class="promise" data-state={p.state}>
      <span class="promise-state">
        <span class="dot" aria-hidden="true" />
        {p.state === 'unknown' && p.value !== null ? t.ops.early : t.ops[p.state]}
      </span>
      <strong class="promise-value">{p.value === null ? '–' : valueText(p.value, p.unit)}</strong>
      <span class="promise-name">{titleCase(p.name)}</span>
      <span class="small muted">{t.ops.target(sign + valueText(p.target, p.unit))}</span>
      {p.help && (p.state === 'red' || p.state === 'amber') && (
        <span class="small promise-help">
          <span class="muted">{t.ops.runbook}: </span>
          {/^(signal|docs\/)/.test(p.help) ? <code>{p.help}</code> : p.help}
        </span>
      )}
    </li>
  );
}

function Queues({ summary }: { summary: OpsSummary }) {
  return (
    <section aria-labelledby="ops-queues">
      <h2 id="ops-queues">{t.ops.queues}</h2>
      {summary.queues.length ? (
        <div class="table-box" tabIndex={0} role="group" aria-labelledby="ops-queues">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{t.ops.kind}</th>
                <th scope="col">{t.ops.ready}</th>
                <th scope="col">{t.ops.running}</th>
                <th scope="col">{t.ops.dead}</th>
                <th scope="col">{t.ops.oldest}</th>
              </tr>
            </thead>
            <tbody>
              {summary.queues.map((q) => (
                <tr key={q.kind}>
                  <th scope="row" class="mono">
                    {q.kind}
                  </th>
                  <td>{format.number(q.ready)}</td>
                  <td>{format.number(q.running)}</td>
                  <td>{q.dead ? <span class="chip bad">{format.number(q.dead)}</span> : '0'}</td>
                  <td>{q.oldest_ms ? format.span(q.oldest_ms) : '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p class="muted">{t.ops.noQueues}</p>
      )}
    </section>
  );
}

function Disk({ summary }: { summary: OpsSummary }) {
  const { disk } = summary;
  if (!disk) return null;
  const used = disk.total_bytes ? ((disk.total_bytes - disk.free_bytes) / disk.total_bytes) * 100 : 0;
  return (
    <section aria-labelledby="ops-disk">
      <h2 id="ops-disk">{t.ops.disk}</h2>
      <div class="card stack-s">
        <div class="meter" role="meter" aria-label={t.ops.disk} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(used)}>
          <span style={{ width: `${used}%` }} />
        </div>
        <p class="small">
          {t.ops.diskFree(disk.free_bytes, disk.total_bytes)} · {t.ops.diskData(disk.data_bytes)}
        </p>
      </div>
    </section>
  );
}
