import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Table } from '../../../../client/src/index.js';
import type { Rows } from '../../api/use-rows.js';
import { type Filter, needsText, OPERATORS, type Operator } from '../../state/row-sql.js';

interface RowFilterProps {
  readonly table: Table;
  readonly rows: Rows;
  readonly children: ComponentChildren;
}

export function RowFilter({ table, rows, children }: RowFilterProps) {
  const [filter, setFilter] = useState<Filter>({
    column: table.columns[0]?.name ?? '',
    operator: 'equal',
    text: '',
  });
  const [wrong, setWrong] = useState<string | null>(null);
  const apply = (next: Filter | null) => setWrong(rows.setFilter(next));
  return (
    <form
      id="filter"
      class="row filter"
      onSubmit={(event) => {
        event.preventDefault();
        apply(filter);
      }}
    >
      <label>
        <span class="unseen">Column to filter by</span>
        <select
          value={filter.column}
          onChange={(event) => setFilter({ ...filter, column: event.currentTarget.value })}
        >
          {table.columns.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="unseen">Comparison</span>
        <select
          value={filter.operator}
          onChange={(event) => setFilter({ ...filter, operator: event.currentTarget.value as Operator })}
        >
          {Object.entries(OPERATORS).map(([operator, text]) => (
            <option key={operator} value={operator}>
              {text}
            </option>
          ))}
        </select>
      </label>
      {needsText(filter.operator) && (
        <label class="grow">
          <span class="unseen">Value to compare with</span>
          <input
            type="text"
            placeholder="Value"
            autocomplete="off"
            spellcheck={false}
            aria-describedby="filter-wrong"
            aria-invalid={wrong !== null}
            value={filter.text}
            onInput={(event) => setFilter({ ...filter, text: event.currentTarget.value })}
          />
        </label>
      )}
      <button type="submit" class="quiet">
        Filter
      </button>
      {rows.filter !== null && (
        <button type="button" class="quiet" onClick={() => apply(null)}>
          Show all
        </button>
      )}
      <span class="end">
        <label class="check" title="Read again every two seconds">
          <input
            type="checkbox"
            checked={rows.live}
            onChange={(event) => rows.setLive(event.currentTarget.checked)}
          />
          Live
        </label>
        <button type="button" class="quiet" disabled={rows.busy && !rows.live} onClick={rows.refresh}>
          Refresh
        </button>
        {children}
      </span>
      <p id="filter-wrong" class="wrong" role="alert">
        {wrong}
      </p>
    </form>
  );
}
