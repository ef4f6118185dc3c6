import type { ReadLevel } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { isWithinReach, LEVELS, levelsOf, type Reading, type Target } from '../../state/sql/reading.js';
import { RunButtons } from './run-buttons.js';

interface ReadingFormProps {
  readonly reading: Reading;
  readonly targets: readonly Target[];
  readonly busy: boolean;
  onReading(reading: Reading): void;
  onExplain(): void;
  onRun(which: 'here' | 'all'): void;
  onCancel(): void;
}

/** Where a statement goes, and how new has to be what it reads. */
export function ReadingForm({
  reading,
  targets,
  busy,
  onReading,
  onExplain,
  onRun,
  onCancel,
}: ReadingFormProps) {
  const { self, cluster } = useSession();
  const { look } = cluster;
  const { node } = reading;
  const levels = levelsOf(look?.status, reading.node ?? self);
  const choose = (next: string | null) => {
    const fits = levelsOf(look?.status, next ?? self).includes(reading.level);
    onReading({ ...reading, node: next, level: fits ? reading.level : 'session' });
  };
  return (
    <form
      id="sql-form"
      onSubmit={(event) => {
        event.preventDefault();
        onRun('here');
      }}
    >
      <div class="row">
        <span class="field">
          <label for="sql-node">Node</label>
          <select
            id="sql-node"
            value={node === self ? '' : (node ?? '')}
            onChange={(event) => choose(event.currentTarget.value || null)}
          >
            <option value="">{self} (this page's)</option>
            {targets.map(({ name, text }) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
            {!isWithinReach(reading, targets, self) && (
              <option value={node ?? ''}>{node} (not within reach)</option>
            )}
          </select>
        </span>
        <span class="field wide">
          <label for="sql-level">Reads</label>
          <select
            id="sql-level"
            value={reading.level}
            onChange={(event) => onReading({ ...reading, level: event.currentTarget.value as ReadLevel })}
          >
            {levels.map((level) => (
              <option key={level} value={level}>
                {level}: {LEVELS[level]}
              </option>
            ))}
          </select>
        </span>
        {reading.level === 'bounded' && (
          <span class="field short">
            <label for="sql-lag">Behind at most, ms</label>
            <input
              id="sql-lag"
              type="text"
              inputMode="numeric"
              value={reading.maxLagMs}
              onInput={(event) => onReading({ ...reading, maxLagMs: event.currentTarget.value })}
            />
          </span>
        )}
        <span class="field">
          <label for="database">Database</label>
          <input
            id="database"
            type="text"
            autocomplete="off"
            spellcheck={false}
            placeholder="none"
            value={reading.database}
            onInput={(event) => onReading({ ...reading, database: event.currentTarget.value })}
          />
        </span>
        <span class="field grow">
          <label for="after">Wait for position</label>
          <input
            id="after"
            type="text"
            autocomplete="off"
            spellcheck={false}
            placeholder="from the answer of a write"
            value={reading.after}
            onInput={(event) => onReading({ ...reading, after: event.currentTarget.value })}
          />
        </span>
        <RunButtons busy={busy} onExplain={onExplain} onRunAll={() => onRun('all')} onCancel={onCancel} />
      </div>
    </form>
  );
}
