import { useEffect, useRef, useState } from 'preact/hooks';
import { type EventLine, withEvent } from '../state/events.js';
import { type Problem, problemOf } from '../state/problem.js';
import type { NodeApi } from './node-api.js';
import { pause, untilVisible, whileVisible } from './waiting.js';

const RECONNECT_MS = 2000;

/** What happens to the cluster, the newest first: what the node still knows, then all that comes. */
export function useEvents(
  api: NodeApi,
  { answers, onEvent, onProblem }: { answers: boolean; onEvent(): void; onProblem(problem: Problem): void },
): readonly EventLine[] {
  const [lines, setLines] = useState<readonly EventLine[]>([]);
  const lastId = useRef('0');
  useEffect(() => {
    // A node that does not answer is not followed: its open connection may be dead without knowing it.
    if (!answers) return;
    const ended = new AbortController();
    const { signal } = ended;
    const follow = async () => {
      while (!signal.aborted) {
        await untilVisible(signal);
        const visible = whileVisible(signal);
        try {
          for await (const event of api.events(lastId.current, visible.signal)) {
            lastId.current = event.id;
            setLines((old) => withEvent(old, event));
            onEvent();
          }
        } catch (error) {
          if (!visible.signal.aborted) onProblem(problemOf(error));
        } finally {
          visible.release();
        }
        await pause(RECONNECT_MS, signal);
      }
    };
    void follow();
    return () => ended.abort();
  }, [api, answers, onEvent, onProblem]);
  return lines;
}
