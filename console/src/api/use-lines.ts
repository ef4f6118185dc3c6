import { useEffect, useState } from 'preact/hooks';
import { afterNewest, type Level, type ShownLine, type Source, withLines } from '../state/lines.js';
import { type Problem, problemOf } from '../state/problem.js';
import type { NodeApi } from './node-api.js';
import { pause, untilVisible, whileVisible } from './waiting.js';

const TAIL = 200;
const RECONNECT_MS = 2000;
/** Lines come in bursts; the page is drawn once for each. */
const GATHER_MS = 100;

export interface LinesWish {
  /** Who is asked: each node has lines of its own. */
  readonly node: string;
  readonly source: Source;
  readonly level: Level;
  readonly text: string;
  readonly follow: boolean;
}

export interface Lines {
  /** Null: nothing has come yet. */
  readonly lines: readonly ShownLine[] | null;
  readonly problem: Problem | null;
}

const NOTHING: Lines = { lines: null, problem: null };

/** The newest lines of the node's log or audit trail, and those that come. */
export function useLines(
  api: NodeApi,
  { node, source, level, text, follow }: LinesWish,
  onProblem: (problem: Problem) => void,
): Lines {
  const [state, setState] = useState<Lines>(NOTHING);
  // Another question has another answer; following or not is the same one.
  useEffect(() => setState(NOTHING), [api, node, source, level, text]);
  useEffect(() => {
    if (!follow || node === '') return;
    const ended = new AbortController();
    const { signal } = ended;
    const run = async () => {
      while (!signal.aborted) {
        await untilVisible(signal);
        const visible = whileVisible(signal);
        const gathered = gather((raw, isFirst) =>
          setState(({ lines }) => {
            const old = lines ?? [];
            return { lines: withLines(old, isFirst ? afterNewest(old, raw) : raw, source), problem: null };
          }),
        );
        try {
          for await (const line of api.lines(source, { level, text, tail: TAIL }, visible.signal))
            gathered.add(line);
        } catch (error) {
          if (!visible.signal.aborted) {
            const problem = problemOf(error);
            // What only means that the node is away is said once, above all views.
            setState((old) => ({ ...old, problem: problem.status === 0 ? null : problem }));
            onProblem(problem);
          }
        } finally {
          visible.release();
          gathered.end(!signal.aborted);
        }
        await pause(RECONNECT_MS, signal);
      }
    };
    void run();
    return () => ended.abort();
  }, [api, node, source, level, text, follow, onProblem]);
  return state;
}

function gather(show: (lines: readonly string[], isFirst: boolean) => void) {
  let waiting: string[] = [];
  let isFirst = true;
  const flush = () => {
    show(waiting, isFirst);
    waiting = [];
    isFirst = false;
    timer = undefined;
  };
  // The first time also without lines: then it is known that there are none.
  let timer: ReturnType<typeof setTimeout> | undefined = setTimeout(flush, 3 * GATHER_MS);
  return {
    add(line: string) {
      waiting.push(line);
      timer ??= setTimeout(flush, GATHER_MS);
    },
    end(showRest: boolean) {
      clearTimeout(timer);
      if (showRest && waiting.length > 0) flush();
    },
  };
}
