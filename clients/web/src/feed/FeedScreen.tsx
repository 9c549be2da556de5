/** "For you": the first thing anybody sees. */

import { useEffect, useState } from 'preact/hooks';
import { asProblem, house, session, type DemoProgress } from '../api';
import { t } from '../messages';
import { sleep } from '../shell/network';
import { hasWatched } from '../shell/preferences';
import { Button, LinkButton, Meter, ProblemState, State, problemText } from '../ui';
import { DoneIcon, RetryIcon, SparklesIcon, UploadIcon, VideoIcon } from '../ui/icons';
import { toast } from '../ui/toast';
import { FeedList } from './FeedList';
import { forYou, watchedBefore } from './store';

export function FeedScreen({ active }: { active: boolean }) {
  const store = forYou;
  useEffect(() => {
    if (!store.items.value.length && !store.resume(session.user.value?.id)) void store.more();
    const keep = () => store.keep(session.user.value?.id);
    addEventListener('pagehide', keep);
    return () => removeEventListener('pagehide', keep);
  }, [store]);
  // Another person signed in: another feed.
  const person = session.user.value?.id;
  const [feedOf, setFeedOf] = useState(person);
  useEffect(() => {
    if (person && feedOf && person !== feedOf) void store.restart();
    setFeedOf(person);
  }, [person]);
  // An empty or finished feed looks again when the person comes back to it.
  useEffect(() => {
    if (active && store.ended.value && !store.items.value.length) void store.restart();
  }, [active]);

  const empty = store.items.value.length === 0;
  const problem = store.problem.value;
  if (empty && problem) {
    return (
      <div class="feed on-video feed-face">
        <ProblemState error={problem} title={t.feed.loadFailed} onRetry={() => void store.restart()} />
      </div>
    );
  }
  if (empty && store.ended.value) {
    return (
      <div class="feed on-video feed-face">
        {hasWatched.value ? <EndOfFeed /> : <EmptyFeed onFilled={() => void store.restart()} />}
      </div>
    );
  }
  if (empty) return <div class="feed on-video feed-face feed-skeleton" aria-busy="true" aria-label={t.app.loading} role="status" />;
  return <FeedList store={store} source="for_you" active={active} end={<EndOfFeed />} />;
}

export async function lookForNew(): Promise<void> {
  try {
    if (!(await forYou.renew())) toast(t.feed.nothingNew);
  } catch (error) {
    toast(problemText(error));
  }
}

function EndOfFeed() {
  const store = forYou;
  if (!store.ended.value) {
    const problem = store.problem.value;
    if (problem) return <ProblemState error={problem} title={t.feed.loadFailed} onRetry={() => void store.more()} />;
    return <div class="thin-bar late" role="status" aria-label={t.app.loading} />;
  }
  const again = async () => {
    try {
      const items = await watchedBefore();
      const fallback = [...store.items.value].reverse();
      if (items.length || fallback.length) await store.restart(items.length ? items : fallback, true);
      else toast(t.feed.nothingNew);
    } catch (error) {
      toast(problemText(error));
    }
  };
  return (
    <State icon={<DoneIcon />} title={t.feed.endTitle} text={t.feed.endText}>
      <Button onClick={() => void lookForNew()}>
        <RetryIcon size={18} />
        {t.feed.lookForNew}
      </Button>
      <Button look="quiet" onClick={() => void again()}>
        {t.feed.again}
      </Button>
      <LinkButton look="quiet" href="/upload">
        <UploadIcon size={18} />
        {t.app.upload}
      </LinkButton>
    </State>
  );
}

const ASK_EVERY_MS = 1_500;

function EmptyFeed({ onFilled }: { onFilled: () => void }) {
  const [allowed, setAllowed] = useState(false);
  const [demo, setDemo] = useState<DemoProgress | null>(null);
  useEffect(() => {
    house.config().then(
      (c) => setAllowed(c.demo_enabled ?? true),
      () => setAllowed(true),
    );
  }, []);

  const fill = async () => {
    setDemo({ running: true });
    try {
      await house.startDemo();
      for (;;) {
        await sleep(ASK_EVERY_MS);
        const now = await house.demo().catch((error: unknown) => {
          if (asProblem(error).temporary) return null;
          throw error;
        });
        if (!now) continue;
        setDemo(now);
        const ready = now.published ?? now.done ?? 0;
        if (!now.running || ready >= 3) break;
      }
      onFilled();
    } catch (error) {
      setDemo(null);
      toast(`${t.feed.demoFailed} ${problemText(error)}`);
    }
  };

  if (demo) {
    const total = demo.total ?? 0;
    const ready = demo.published ?? demo.done ?? 0;
    const text = total ? t.feed.demoProgress(ready, total) : t.feed.demoStarting;
    return (
      <State icon={<SparklesIcon />} title={t.feed.fillDemo} text={demo.message || text}>
        <div class="demo-meter">
          <Meter value={total ? (ready / total) * 100 : 2} label={text} />
        </div>
      </State>
    );
  }
  return (
    <State icon={<VideoIcon />} title={t.feed.emptyTitle} text={t.feed.emptyText}>
      {allowed && (
        <Button onClick={() => void fill()}>
          <SparklesIcon size={18} />
          {t.feed.fillDemo}
        </Button>
      )}
      <LinkButton look="quiet" href="/upload">
        <UploadIcon size={18} />
        {t.app.upload}
      </LinkButton>
    </State>
  );
}
