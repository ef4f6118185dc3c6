import { useEffect, useState } from 'preact/hooks';
import type { Token } from '../../../client/src/index.js';
import { type Problem, problemOf } from '../state/problem.js';
import type { NodeApi } from './node-api.js';
import { pause } from './waiting.js';

const AGAIN_MS = 2000;

/** What the token is and may do; null until the node has told it. */
export function useOwnToken(api: NodeApi, onProblem: (problem: Problem) => void): Token | null {
  const [token, setToken] = useState<Token | null>(null);
  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    const ask = async () => {
      while (!signal.aborted) {
        try {
          setToken(await api.ownToken(signal));
          return;
        } catch (error) {
          if (signal.aborted) return;
          onProblem(problemOf(error));
        }
        await pause(AGAIN_MS, signal);
      }
    };
    void ask();
    return () => ended.abort();
  }, [api, onProblem]);
  return token;
}
