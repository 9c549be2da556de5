/** A list that grows page by page. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Page } from '../api';

export interface Paged<T> {
  items: T[] | null;
  error: unknown;
  loading: boolean;
  hasMore: boolean;
  more: () => void;
  reload: () => void;
  set: (change: (items: T[]) => T[]) => void;
}

export function usePaged<T>(key: string, load: (cursor: string | null) => Promise<Page<T>>): Paged<T> {
  const [items, setItems] = useState<T[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [error, setError] = useState<unknown>();
  const [loading, setLoading] = useState(true);
  const turn = useRef(0);
  const ask = (from: string | null) => {
    const mine = from === null ? ++turn.current : turn.current;
    setLoading(true);
    load(from).then(
      (page) => {
        if (mine !== turn.current) return;
        setItems((old) => (from === null ? page.items : [...(old ?? []), ...page.items]));
        setCursor(page.next_cursor);
        setError(undefined);
        setLoading(false);
      },
      (problem: unknown) => {
        if (mine !== turn.current) return;
        setError(problem);
        setLoading(false);
      },
    );
  };
  useEffect(() => {
    setItems(null);
    ask(null);
    return () => void turn.current++;
  }, [key]);
  return {
    items,
    error,
    loading,
    hasMore: cursor !== null,
    more: () => cursor !== null && !loading && ask(cursor),
    reload: () => ask(null),
    set: (change) => setItems((old) => change(old ?? [])),
  };
}
