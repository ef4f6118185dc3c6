import { toggled } from '../../state/enum-choices.js';
import { type Entry, type Field, shownText, typedEntry } from '../../state/row-draft.js';

interface SetInputProps {
  readonly field: Field;
  readonly choices: readonly string[];
  readonly entry: Entry;
  /** Of the field: its label and what is said about it are called after that. */
  readonly id: string;
  onEntry(entry: Entry): void;
}

/** The values of a SET, of which any number may be chosen. */
export function SetInput({ field, choices, entry, id, onEntry }: SetInputProps) {
  const text = shownText(field, entry);
  const chosen = text.split(',');
  // A new row shows what it gets when nothing is chosen.
  const byItself = entry.mode === 'same' && field.before === null ? field.placeholder : '';
  return (
    // biome-ignore lint/a11y/useSemanticElements: the name of the group is the label of the field, which stands outside
    <div class="set" role="group" aria-labelledby={`${id}-label`} aria-describedby={`${id}-says`}>
      {choices.map((choice) => (
        <label key={choice} class="check">
          <input
            type="checkbox"
            disabled={field.locked !== null}
            checked={text !== '' && chosen.includes(choice)}
            onChange={({ currentTarget }) =>
              onEntry(typedEntry(field, toggled(choices, text, { choice, on: currentTarget.checked })))
            }
          />
          {choice}
        </label>
      ))}
      {byItself !== '' && <span class="hint">{byItself}</span>}
    </div>
  );
}
