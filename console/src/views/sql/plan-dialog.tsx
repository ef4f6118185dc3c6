import { useEffect, useState } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { Dialog } from '../../parts/dialog.js';
import { ProblemMessage } from '../../parts/message.js';
import { type Problem, problemOf } from '../../state/problem.js';
import { planOf } from '../../state/sql/plan.js';
import type { Reading } from '../../state/sql/reading.js';
import { PlanTree } from './plan-tree.js';

interface PlanDialogProps {
  readonly sql: string;
  readonly reading: Reading;
  onClose(): void;
}

/** How the server would execute a statement; it is not executed. */
export function PlanDialog({ sql, reading, onClose }: PlanDialogProps) {
  const { api, onProblem } = useSession();
  const [answer, setAnswer] = useState<unknown>(undefined);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    const ended = new AbortController();
    api.statements.plan(sql, reading, ended.signal).then(setAnswer, (error: unknown) => {
      if (ended.signal.aborted) return;
      const failure = problemOf(error);
      setProblem(failure);
      onProblem(failure);
    });
    return () => ended.abort();
  }, [api, sql, reading, onProblem]);
  const plan = planOf(answer);
  return (
    <Dialog title="Plan" onClose={onClose}>
      <pre class="sql preview">{sql}</pre>
      {problem !== null && <ProblemMessage problem={problem} />}
      {answer === undefined && problem === null && <p class="hint">Asking the server ...</p>}
      {plan !== null && (
        <ul class="plan">
          <PlanTree node={plan} />
        </ul>
      )}
      {answer !== undefined && plan === null && (
        <pre class="sql">{typeof answer === 'string' ? answer : JSON.stringify(answer, null, 2)}</pre>
      )}
      <div class="buttons">
        <button type="button" class="quiet" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
