import { useMemo, useState } from 'preact/hooks';
import type { Column, Table } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { Dialog } from '../../parts/dialog.js';
import { Message, ProblemMessage } from '../../parts/message.js';
import { useAction } from '../../parts/use-action.js';
import { type Draft, type Entry, entryOf, fieldsOf, resultOf } from '../../state/row-draft.js';
import { insertStatement, updateStatement } from '../../state/row-sql.js';
import { FieldInput } from './field-input.js';
import { StatementPreview } from './statement-preview.js';

interface RowDialogProps {
  readonly table: Table;
  readonly columns: readonly Column[];
  readonly tableKey: readonly string[];
  /** Of the row; null = a new one. */
  readonly values: readonly unknown[] | null;
  onDone(text: string): void;
  onClose(): void;
}

const NOT_FOUND =
  'Nothing was changed: somebody has changed or deleted this row since it was read. Close this, and read it again.';

export function RowDialog({ table, columns, tableKey, values, onDone, onClose }: RowDialogProps) {
  const { api, onProblem } = useSession();
  const { busy, done, problem, run } = useAction<number>(onProblem);
  const [draft, setDraft] = useState<Draft>({});
  const fields = useMemo(
    () => fieldsOf(table, columns, tableKey, values),
    [table, columns, tableKey, values],
  );
  const { changes, wrong } = resultOf(fields, draft);
  const place = { database: table.database, table: table.name };
  const isNew = values === null;
  const statement = isNew
    ? insertStatement(place, changes)
    : changes.length === 0
      ? null
      : updateStatement({ place, key: tableKey, columns, values }, changes);
  const isWrong = Object.keys(wrong).length > 0;
  const isReady = statement !== null && !isWrong && !busy;
  const submit = () => {
    if (!isReady) return;
    void run(async () => {
      const rows = await api.tables.change(statement);
      if (rows > 0) onDone(isNew ? 'The row is there.' : 'The row is changed.');
      return rows;
    });
  };
  const change = (name: string, entry: Entry) => setDraft({ ...draft, [name]: entry });
  return (
    <Dialog title={isNew ? 'New row' : 'Edit row'} onClose={onClose}>
      <form
        id="row-form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <div class="fields">
          {fields.map((field) => (
            <FieldInput
              key={field.name}
              field={field}
              entry={entryOf(draft, field.name)}
              wrong={wrong[field.name] ?? null}
              onEntry={(entry) => change(field.name, entry)}
            />
          ))}
        </div>
        {statement === null || isWrong ? (
          <p class="hint space">
            {isWrong ? 'First correct what is marked.' : 'Nothing is changed yet.'} The statement stands here
            before it runs.
          </p>
        ) : (
          <StatementPreview statement={statement} />
        )}
        {problem !== null && <ProblemMessage problem={problem} />}
        {done === 0 && <Message kind="caution">{NOT_FOUND}</Message>}
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={!isReady}>
            {busy ? 'Waiting for the answer ...' : isNew ? 'Insert the row' : 'Change the row'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
