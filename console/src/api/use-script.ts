import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { problemOf } from '../state/problem.js';
import type { Reading } from '../state/sql/reading.js';
import { type FailureDetails, type RunLook, ScriptRun } from '../state/sql/script-run.js';
import type { Statement } from '../state/sql/split.js';
import { useSession } from './session.js';
import { breather } from './waiting.js';

/** Rows come faster than anybody reads: so often at most is drawn what has come. */
const DRAWN_EVERY_MS = 100;

export interface Script {
  /** Null: nothing was run yet. */
  readonly look: RunLook | null;
  /** Resolves when it is over, with what became of it. */
  run(sql: string, statements: readonly Statement[], reading: Reading): Promise<RunLook>;
  cancel(): void;
}

/** Runs statements, one script at a time. The page leaves: what runs is cancelled. */
export function useScript(): Script {
  const { api, onProblem } = useSession();
  const [look, setLook] = useState<RunLook | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const run = useCallback(
    async (sql: string, statements: readonly Statement[], reading: Reading) => {
      running.current?.abort();
      const abort = new AbortController();
      running.current = abort;
      const script = new ScriptRun(sql, statements);
      const show = () => {
        const now = script.look();
        // Another one may have begun meanwhile.
        if (running.current === abort) setLook(now);
        return now;
      };
      show();
      const timer = setInterval(show, DRAWN_EVERY_MS);
      try {
        const texts = statements.map(({ text }) => text);
        const stream = api.statements.script(texts, reading, abort.signal);
        const breathe = breather();
        for await (const batch of stream) {
          if (script.take(batch) === 'enough') break;
          await breathe();
        }
        script.end(stream.summary);
      } catch (error) {
        const problem = problemOf(error);
        script.fail(problem, error as FailureDetails);
        onProblem(problem);
      } finally {
        clearInterval(timer);
      }
      return show();
    },
    [api, onProblem],
  );
  const cancel = useCallback(() => running.current?.abort(), []);
  return { look, run, cancel };
}
