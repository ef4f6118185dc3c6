import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type Problem, problemOf } from '../state/problem.js';
import type { Answered, NodeApi } from './node-api.js';
import { pause, untilVisible } from './waiting.js';

const POLL_MS = 1000;

export interface Look extends Answered {
  readonly atMs: number;
}

export interface Cluster {
  /** Null: nothing has come yet. */
  readonly look: Look | null;
  /** The look before it. */
  readonly before: Look | null;
  /** Why the last question had no answer; what is in `look` is old then. */
  readonly problem: Problem | null;
  /** Asks at once. */
  refresh(): void;
}

/** The cluster as the node tells it, every second, and whenever something asks for it. */
export function useCluster(api: NodeApi, onProblem: (problem: Problem) => void): Cluster {
  const [state, setState] = useState<Omit<Cluster, 'refresh'>>({ look: null, before: null, problem: null });
  const wake = useRef(() => {});
  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    const ask = async () => {
      try {
        const look = { ...(await api.cluster(signal)), atMs: Date.now() };
        setState((old) => ({ look, before: old.look, problem: null }));
      } catch (error) {
        if (signal.aborted) return;
        const problem = problemOf(error);
        setState((old) => ({ ...old, problem }));
        onProblem(problem);
      }
    };
    const poll = async () => {
      while (!signal.aborted) {
        await untilVisible(signal);
        if (signal.aborted) return;
        const next = new AbortController();
        wake.current = () => next.abort();
        await ask();
        await pause(POLL_MS, AbortSignal.any([signal, next.signal]));
      }
    };
    void poll();
    return () => ended.abort();
  }, [api, onProblem]);
  const refresh = useCallback(() => wake.current(), []);
  return { ...state, refresh };
}
