import { useId } from 'preact/hooks';
import { type Entry, type Field, isNull, nullEntry, shownText, typedEntry } from '../../state/row-draft.js';
import { SetInput } from './set-input.js';

interface FieldInputProps {
  readonly field: Field;
  readonly entry: Entry;
  readonly wrong: string | null;
  onEntry(entry: Entry): void;
}

const ROWS_MAX = 8;
const LINE_CHARACTERS = 50;

export function FieldInput({ field, entry, wrong, onEntry }: FieldInputProps) {
  const id = useId();
  const { name, declared, locked, nullable, choices, isLong, isKey } = field;
  const text = shownText(field, entry);
  const common = {
    id,
    value: text,
    disabled: locked !== null,
    placeholder: isNull(field, entry) ? 'NULL' : entry.mode === 'same' ? field.placeholder : '',
    autocomplete: 'off',
    spellcheck: false,
    'aria-describedby': `${id}-says`,
    'aria-invalid': wrong !== null,
    onInput: (event: { currentTarget: { value: string } }) =>
      onEntry(typedEntry(field, event.currentTarget.value)),
  };
  return (
    <div class={`field ${entry.mode === 'same' ? '' : 'changed'}`}>
      <div class="head">
        <label id={`${id}-label`} for={field.setChoices === null ? id : undefined}>
          {name} {isKey && <span class="chip lead">key</span>} <span class="hint">{declared}</span>
        </label>
        {entry.mode !== 'same' && (
          <button
            type="button"
            class="quiet small"
            aria-label={`${field.before === null ? 'Default' : 'Undo'}: ${name}`}
            onClick={() => onEntry({ mode: 'same', text: '' })}
          >
            {field.before === null ? 'Default' : 'Undo'}
          </button>
        )}
        {nullable && locked === null && (
          <label class="check">
            <input
              type="checkbox"
              checked={isNull(field, entry)}
              aria-label={`NULL: ${name}`}
              onChange={(event) => onEntry(nullEntry(field, event.currentTarget.checked))}
            />
            NULL
          </label>
        )}
      </div>
      {field.setChoices !== null ? (
        <SetInput field={field} choices={field.setChoices} entry={entry} id={id} onEntry={onEntry} />
      ) : choices !== null ? (
        <select {...common}>
          {/* What it is now, where that is none of the values: NULL, or the default of a new row. */}
          {(entry.mode !== 'value' && text === '') || !choices.includes(text) ? (
            <option value={text}>{text || common.placeholder}</option>
          ) : null}
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : isLong ? (
        <textarea {...common} rows={linesOf(text)} />
      ) : (
        <input type="text" {...common} />
      )}
      <p id={`${id}-says`} class={wrong === null ? 'hint' : 'wrong'}>
        {wrong ?? locked}
      </p>
    </div>
  );
}

function linesOf(text: string): number {
  const lines = text
    .split('\n')
    .reduce((sum, line) => sum + 1 + Math.floor(line.length / LINE_CHARACTERS), 0);
  return Math.min(ROWS_MAX, lines);
}
