import { useEffect, useRef, useState } from 'preact/hooks';
import { type EventLine, withEvent } from '../state/events.js';
import { type Problem, problemOf } from '../state/problem.js';
import type { NodeApi } from './node-api.js';
import { pause, untilVisible, whileVisible } from './waiting.js';

const RECONNECT_MS = 2000;

interface EventsWish {
  /** A node that does not answer is not followed: its open connection may be dead without knowing it. */
  readonly answers: boolean;
  /** Who answers. Each node has seen events of its own, with ids of its own: another one is read from its beginning. */
  readonly node: string;
  onEvent(): void;
  onProblem(problem: Problem): void;
}

/** What happens to the cluster, the newest first: what the node still knows, then all that comes. */
export function useEvents(
  api: NodeApi,
  { answers, node, onEvent, onProblem }: EventsWish,
): readonly EventLine[] {
  const [lines, setLines] = useState<readonly EventLine[]>([]);
  const last = useRef({ node, id: '0' });
  useEffect(() => {
    if (!answers || node === '') return;
    if (last.current.node !== node) {
      last.current = { node, id: '0' };
      setLines([]);
    }
    const ended = new AbortController();
    const { signal } = ended;
    const follow = async () => {
      while (!signal.aborted) {
        await untilVisible(signal);
        const visible = whileVisible(signal);
        try {
          for await (const event of api.events(last.current.id, visible.signal)) {
            last.current = { node, id: event.id };
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
  }, [api, answers, node, onEvent, onProblem]);
  return lines;
}
