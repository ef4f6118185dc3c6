import { useEffect, useState } from 'preact/hooks';
import { type KeptHistory, mergeHistory, secondsToAsk } from '../state/history.js';
import type { NodeApi } from './node-api.js';
import { pause, untilVisible } from './waiting.js';

const POLL_MS = 2000;

/** The last seconds of all members. While the node does not answer, what came last stays; null = nothing has come yet. */
export function useHistory(api: NodeApi, seconds: number): KeptHistory | null {
  const [kept, setKept] = useState<KeptHistory | null>(null);
  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    let known: KeptHistory | null = null;
    const poll = async () => {
      while (!signal.aborted) {
        await untilVisible(signal);
        const asked = secondsToAsk(known, { seconds, nowS: Date.now() / 1000 });
        const fresh = await api.history(asked, signal).catch(() => null);
        if (signal.aborted) return;
        if (fresh !== null) {
          known = mergeHistory(known, fresh, seconds);
          setKept(known);
        }
        await pause(POLL_MS, signal);
      }
    };
    void poll();
    return () => ended.abort();
  }, [api, seconds]);
  return kept;
}
