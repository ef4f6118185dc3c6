import { useEffect, useRef, useState } from 'preact/hooks';
import { keptStatements } from '../../api/kept-statements.js';
import { useSession } from '../../api/session.js';
import type { Look } from '../../api/use-cluster.js';
import { useKnownNames } from '../../api/use-known-names.js';
import { useScript } from '../../api/use-script.js';
import { Message } from '../../parts/message.js';
import { ViewTitle } from '../../parts/view-title.js';
import { allRowsText } from '../../state/all-rows.js';
import { READING, type Reading, type Target, targetsOf, wrongReading } from '../../state/sql/reading.js';
import {
  changesNames,
  refusalOf,
  type Statement,
  statementsToRun,
  usedDatabase,
  withoutExplain,
} from '../../state/sql/split.js';
import { withinReach } from '../../state/ways.js';
import { AllRowsDialog } from './all-rows-dialog.js';
import { type EditorHandle, SqlEditor } from './editor/sql-editor.js';
import { HistoryDialog } from './history-dialog.js';
import { PlanDialog } from './plan-dialog.js';
import { ReadingForm } from './reading-form.js';
import { Results } from './results.js';
import { RoleNotice } from './role-notice.js';

/** Outside of the view: what was typed and chosen is still there when one comes back to it. */
const kept: { sql: string; reading: Reading } = { sql: '', reading: READING };

interface Asking {
  readonly statements: readonly Statement[];
  readonly risks: readonly string[];
}

export function SqlView() {
  const { self, cluster } = useSession();
  const editor = useRef<EditorHandle>(null);
  const [reading, setReading] = useState(kept.reading);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [version, setVersion] = useState(0);
  const [looksBack, setLooksBack] = useState(false);
  const [planned, setPlanned] = useState<string | null>(null);
  // What the results are of.
  const [ran, setRan] = useState(reading);
  const { look, run, cancel } = useScript();
  const names = useKnownNames(reading.database.trim(), version);
  const status = cluster.look?.status;
  const targets = targetsIn(cluster.look, self);
  const node = reading.node ?? self;
  const busy = look?.isRunning === true;
  const change = (next: Reading) => {
    kept.reading = next;
    setReading(next);
  };
  const failedAt = look?.statements.find(({ problem }) => problem !== null)?.errorLine ?? null;
  useEffect(() => editor.current?.markLine(failedAt), [failedAt, busy]);
  const start = (which: 'here' | 'all') => {
    if (busy || editor.current === null) return;
    editor.current.leave();
    const statements = statementsToRun(editor.current.text(), editor.current.selection(), which);
    const wrong = refusalOf(statements) ?? wrongReading(reading, targets, self);
    setRefusal(wrong);
    if (wrong !== null) return;
    // Another node refuses it anyway.
    const risks = status?.primary === node ? statements.flatMap(({ text }) => allRowsText(text) ?? []) : [];
    if (risks.length > 0) setAsking({ statements, risks });
    else void send(statements);
  };
  const explain = () => {
    const [statement] = editor.current
      ? statementsToRun(editor.current.text(), editor.current.selection(), 'here')
      : [];
    const wrong = refusalOf(statement ? [statement] : []) ?? wrongReading(reading, targets, self);
    setRefusal(wrong);
    if (wrong === null && statement) setPlanned(withoutExplain(statement.text));
  };
  const send = async (statements: readonly Statement[]) => {
    setAsking(null);
    setRan(reading);
    keptStatements.add(
      statements.map(({ text }) => text),
      reading.database.trim(),
    );
    const ended = await run(editor.current?.text() ?? '', statements, reading);
    const done = statements.filter((_, at) => ended.statements[at]?.state === 'done');
    const used = done.map(usedDatabase).findLast((name) => name !== null);
    if (used) change({ ...kept.reading, database: used });
    if (done.some(changesNames)) setVersion((old) => old + 1);
  };
  return (
    <section class="panel" aria-labelledby="sql-title">
      <div class="head">
        <ViewTitle id="sql-title">SQL</ViewTitle>
        <button type="button" class="quiet small" onClick={() => setLooksBack(true)}>
          History
        </button>
      </div>
      <RoleNotice node={node} />
      <p class="hint keys">
        Ctrl + Enter runs the statement under the cursor, or what is selected; with Shift all of them.
      </p>
      <SqlEditor
        initial={kept.sql}
        handle={editor}
        names={names}
        onChange={(text) => {
          kept.sql = text;
        }}
        onRun={() => start('here')}
        onRunAll={() => start('all')}
      />
      <ReadingForm
        reading={reading}
        targets={targets}
        busy={busy}
        onReading={change}
        onExplain={explain}
        onRun={start}
        onCancel={cancel}
      />
      {refusal !== null && <Message kind="caution">{refusal}</Message>}
      {asking !== null && (
        <AllRowsDialog
          risks={asking.risks}
          statements={asking.statements}
          onConfirm={() => void send(asking.statements)}
          onClose={() => setAsking(null)}
        />
      )}
      {looksBack && (
        <HistoryDialog
          onTake={({ sql, database }) => {
            setLooksBack(false);
            change({ ...kept.reading, database });
            editor.current?.append(sql);
          }}
          onClose={() => setLooksBack(false)}
        />
      )}
      {planned !== null && <PlanDialog sql={planned} reading={reading} onClose={() => setPlanned(null)} />}
      {look !== null && <Results look={look} reading={ran} />}
    </section>
  );
}

function targetsIn(look: Look | null, self: string): readonly Target[] {
  if (look === null) return [];
  const reach = withinReach(look.status, look.addresses, { own: location.origin, self });
  return targetsOf(look.status, self, reach);
}
