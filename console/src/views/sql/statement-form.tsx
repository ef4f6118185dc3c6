import { useEffect, useState } from 'preact/hooks';
import type { SqlInput } from '../../state/sql-result.js';

/** A short statement is over before anybody could read that it runs. */
const TELL_AFTER_MS = 300;

interface StatementFormProps {
  readonly input: SqlInput;
  readonly busy: boolean;
  onInput(input: SqlInput): void;
  onSubmit(): void;
  onCancel(): void;
}

export function StatementForm({ input, busy, onInput, onSubmit, onCancel }: StatementFormProps) {
  const takesLong = useTakesLong(busy);
  return (
    <form
      id="sql-form"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <label for="sql">
        Statement <span class="hint">(Ctrl + Enter runs it)</span>
      </label>
      <textarea
        id="sql"
        rows={5}
        spellcheck={false}
        autocapitalize="off"
        placeholder="SELECT VERSION()"
        value={input.sql}
        onInput={(event) => onInput({ ...input, sql: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          onSubmit();
        }}
      />
      <div class="row">
        <span class="field">
          <label for="database">Database</label>
          <input
            id="database"
            type="text"
            autocomplete="off"
            spellcheck={false}
            placeholder="none"
            value={input.database}
            onInput={(event) => onInput({ ...input, database: event.currentTarget.value })}
          />
        </span>
        <span class="field grow">
          <label for="after">
            Wait for position <span class="hint">(from the answer of a write)</span>
          </label>
          <input
            id="after"
            type="text"
            autocomplete="off"
            spellcheck={false}
            placeholder="do not wait"
            value={input.after}
            onInput={(event) => onInput({ ...input, after: event.currentTarget.value })}
          />
        </span>
        {takesLong && (
          <button type="button" class="quiet" onClick={onCancel}>
            Cancel
          </button>
        )}
        <button id="run" type="submit" disabled={busy}>
          {takesLong ? 'Running ...' : 'Run'}
        </button>
      </div>
    </form>
  );
}

function useTakesLong(busy: boolean): boolean {
  const [long, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (!busy) return;
    const timer = setTimeout(() => setLong(true), TELL_AFTER_MS);
    return () => clearTimeout(timer);
  }, [busy]);
  return long && busy;
}
