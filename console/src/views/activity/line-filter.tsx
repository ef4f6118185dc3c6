import type { LinesWish } from '../../api/use-lines.js';
import type { Level } from '../../state/lines.js';

export type LineChoice = Omit<LinesWish, 'node'>;

const LEVELS: readonly (readonly [Level, string])[] = [
  ['debug', 'everything'],
  ['info', 'info and above'],
  ['warn', 'warnings and errors'],
  ['error', 'errors'],
];

interface LineFilterProps {
  readonly wish: LineChoice;
  readonly withPolls: boolean;
  onWish(wish: LineChoice): void;
  onPolls(withPolls: boolean): void;
}

export function LineFilter({ wish, withPolls, onWish, onPolls }: LineFilterProps) {
  return (
    <div class="row filter">
      <label class="grow">
        <span class="unseen">Only lines that contain</span>
        <input
          id="log-text"
          type="search"
          placeholder="Only lines that contain ..."
          maxLength={200}
          autocomplete="off"
          spellcheck={false}
          value={wish.text}
          onInput={(event) => onWish({ ...wish, text: event.currentTarget.value })}
        />
      </label>
      {wish.source === 'log' && (
        <label>
          <span class="unseen">Level</span>
          <select
            id="log-level"
            value={wish.level}
            onChange={(event) => onWish({ ...wish, level: event.currentTarget.value as Level })}
          >
            {LEVELS.map(([level, text]) => (
              <option key={level} value={level}>
                {text}
              </option>
            ))}
          </select>
        </label>
      )}
      {wish.source === 'audit' && (
        <label class="check" title="What open pages ask every second">
          <input
            type="checkbox"
            checked={withPolls}
            onChange={(event) => onPolls(event.currentTarget.checked)}
          />
          Polls
        </label>
      )}
      <label class="check">
        <input
          id="log-follow"
          type="checkbox"
          checked={wish.follow}
          onChange={(event) => onWish({ ...wish, follow: event.currentTarget.checked })}
        />
        Follow
      </label>
    </div>
  );
}
