import { useMemo, useState } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { useAnswer } from '../../api/use-answer.js';
import { ProblemMessage } from '../../parts/message.js';
import { ViewTitle } from '../../parts/view-title.js';
import { httpLink } from '../../state/members.js';
import { type StatementRow, statementRow } from '../../state/statements.js';
import { EndDialog } from './end-dialog.js';
import { StatementTable } from './statement-table.js';

const EVERY_MS = 2000;

/** What the server of this node executes for clients, as it goes. */
export function StatementsView() {
  const { api, self, cluster, onProblem } = useSession();
  const ask = useMemo(
    () => (self === '' ? null : (signal: AbortSignal) => api.access.statements(signal)),
    [api, self],
  );
  const { value, problem, busy, refresh } = useAnswer(ask, { everyMs: EVERY_MS, onProblem });
  const [asked, setAsked] = useState<StatementRow | null>(null);
  const rows = value?.statements.map(statementRow) ?? null;
  const close = () => {
    setAsked(null);
    refresh();
  };
  const others = (cluster.look?.status.members ?? []).flatMap(({ name, http, witness }) => {
    const link = name === self || witness ? null : httpLink(http);
    return link === null ? [] : [{ name, link }];
  });
  return (
    <section id="statements" class="panel" aria-labelledby="statements-title">
      <div class="head">
        <ViewTitle id="statements-title">Statements on {self}</ViewTitle>
        {others.length > 0 && (
          <p class="hint elsewhere">
            Other servers:{' '}
            {others.map(({ name, link }) => (
              <a key={name} href={`${link}/#/activity/statements`}>
                {name}
              </a>
            ))}
          </p>
        )}
      </div>
      {problem !== null && problem.status !== 0 && <ProblemMessage id="statements-error" problem={problem} />}
      {rows === null && busy && problem === null && <p class="hint space">Loading ...</p>}
      {rows?.length === 0 && <p class="empty">The server executes no statement of a client now.</p>}
      {rows !== null && rows.length > 0 && <StatementTable rows={rows} onEnd={setAsked} />}
      {asked !== null && <EndDialog row={asked} onClose={close} />}
    </section>
  );
}
