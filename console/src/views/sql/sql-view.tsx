import { useState } from 'preact/hooks';
import type { SqlAnswer } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { ConfirmDialog } from '../../parts/confirm-dialog.js';
import { Message, ProblemMessage } from '../../parts/message.js';
import { useAction } from '../../parts/use-action.js';
import { ViewTitle } from '../../parts/view-title.js';
import { sqlNotice } from '../../state/actions.js';
import { allRowsText } from '../../state/all-rows.js';
import { httpLink } from '../../state/members.js';
import { requestOf, type SqlInput, summaryOf } from '../../state/sql-result.js';
import { ResultTable } from './result-table.js';
import { StatementForm } from './statement-form.js';

/** Outside of the view: what was typed is still there when one comes back to it. */
let kept: SqlInput = { sql: '', database: '', after: '' };

export function SqlView() {
  const { api, self, cluster, onProblem } = useSession();
  const [asking, setAsking] = useState<string | null>(null);
  const [input, setInput] = useState(kept);
  const { busy, done, problem, run } = useAction<SqlAnswer>(onProblem);
  const [running, setRunning] = useState<AbortController | null>(null);
  const change = (next: SqlInput) => {
    kept = next;
    setInput(next);
  };
  const isPrimary = cluster.look?.status.primary === self;
  const submit = () => {
    if (busy || input.sql.trim() === '') return;
    // Another node refuses it anyway.
    const risk = isPrimary ? allRowsText(input.sql) : null;
    if (risk !== null) setAsking(risk);
    else send();
  };
  const send = () => {
    setAsking(null);
    const abort = new AbortController();
    setRunning(abort);
    void run(() => api.sql(requestOf(input), abort.signal));
  };
  const result = done?.results[0];
  return (
    <section class="panel" aria-labelledby="sql-title">
      <ViewTitle id="sql-title">SQL</ViewTitle>
      <Notice />
      <StatementForm
        input={input}
        busy={busy}
        onInput={change}
        onSubmit={submit}
        onCancel={() => running?.abort()}
      />
      {asking !== null && (
        <ConfirmDialog
          title="All rows?"
          button="Run it"
          busy={false}
          problem={null}
          onConfirm={send}
          onClose={() => setAsking(null)}
        >
          <p class="hint">{asking}</p>
          <pre class="sql preview">{input.sql.trim()}</pre>
        </ConfirmDialog>
      )}
      {problem !== null && <ProblemMessage id="sql-error" problem={problem} />}
      <p id="sql-summary" class="summary" role="status">
        {done && summaryOf(done)}
      </p>
      {result !== undefined && result.columns.length > 0 && <ResultTable result={result} />}
    </section>
  );
}

/** Says on a replica that only reads work there, and where writes do. */
function Notice() {
  const { cluster, self } = useSession();
  const notice = cluster.look && sqlNotice(cluster.look.status, self);
  if (!notice) return null;
  const link = httpLink(notice.primary?.http);
  return (
    <Message id="sql-role" kind="note">
      {notice.text} {link !== null && <a href={link}>Write on {notice.primary?.name}</a>}
    </Message>
  );
}
