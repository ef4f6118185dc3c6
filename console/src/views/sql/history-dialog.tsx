import { useState } from 'preact/hooks';
import { keptStatements } from '../../api/kept-statements.js';
import { Dialog } from '../../parts/dialog.js';
import { found, type PastStatement } from '../../state/sql/past-statements.js';

interface HistoryDialogProps {
  onTake(statement: PastStatement): void;
  onClose(): void;
}

/** What was run from this browser; a click puts it into the editor. */
export function HistoryDialog({ onTake, onClose }: HistoryDialogProps) {
  const [past, setPast] = useState(keptStatements.get);
  const [search, setSearch] = useState('');
  const shown = found(past, search);
  const clear = () => {
    keptStatements.clear();
    setPast([]);
  };
  return (
    <Dialog title="History" onClose={onClose}>
      <p class="hint">The last 200 statements of this browser. Those with a password in them are not kept.</p>
      <label>
        Search
        <input
          type="text"
          value={search}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      </label>
      {shown.length === 0 && (
        <p class="empty">{past.length === 0 ? 'Nothing was run yet.' : 'No statement has this in it.'}</p>
      )}
      <ul class="past">
        {shown.map((statement) => (
          <li key={`${statement.database} ${statement.sql}`}>
            <button type="button" class="quiet" onClick={() => onTake(statement)}>
              <code>{statement.sql}</code>
              <span class="hint">
                {new Date(statement.at).toLocaleString()}
                {statement.database !== '' && ` · ${statement.database}`}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <div class="buttons">
        <button type="button" class="quiet" disabled={past.length === 0} onClick={clear}>
          Clear
        </button>
        <button type="button" class="quiet" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
