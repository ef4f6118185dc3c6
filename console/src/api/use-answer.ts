import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type Problem, problemOf } from '../state/problem.js';
import { pause, untilVisible } from './waiting.js';

export interface Answer<T> {
  /** The last one that came; null = none yet. */
  readonly value: T | null;
  /** Why the last question had none; `value` is old then. */
  readonly problem: Problem | null;
  readonly busy: boolean;
  /** Asks at once. */
  refresh(): void;
}

interface AskOptions {
  /** Asks again so often while the tab is visible; null = once. */
  readonly everyMs: number | null;
  onProblem(problem: Problem): void;
}

/** What the node answers. Another `ask` is asked at once; until it is answered the last answer stays. Null asks nothing. */
export function useAnswer<T>(
  ask: ((signal: AbortSignal) => Promise<T>) | null,
  { everyMs, onProblem }: AskOptions,
): Answer<T> {
  const [state, setState] = useState<Omit<Answer<T>, 'refresh'>>({ value: null, problem: null, busy: true });
  const wake = useRef(() => {});
  useEffect(() => {
    if (ask === null) return;
    const ended = new AbortController();
    const { signal } = ended;
    const askOnce = async () => {
      setState((old) => ({ ...old, busy: true }));
      try {
        const value = await ask(signal);
        if (!signal.aborted) setState({ value, problem: null, busy: false });
      } catch (error) {
        if (signal.aborted) return;
        const problem = problemOf(error);
        setState((old) => ({ ...old, problem, busy: false }));
        onProblem(problem);
      }
    };
    const run = async () => {
      while (!signal.aborted) {
        await untilVisible(signal);
        if (signal.aborted) return;
        const next = new AbortController();
        wake.current = () => next.abort();
        await askOnce();
        const wait = AbortSignal.any([signal, next.signal]);
        await (everyMs === null ? untilAborted(wait) : pause(everyMs, wait));
      }
    };
    void run();
    return () => ended.abort();
  }, [ask, everyMs, onProblem]);
  const refresh = useCallback(() => wake.current(), []);
  return { ...state, refresh };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
