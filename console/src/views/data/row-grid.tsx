import type { RowPage } from '../../api/table-api.js';
import { cut } from '../../state/bound.js';
import { isCutShort, wholeText } from '../../state/long-value.js';
import type { Order } from '../../state/row-sql.js';
import { isNumeric, valueText } from '../../state/sql-result.js';
import type { Whole } from './value-dialog.js';

interface RowGridProps {
  readonly page: RowPage;
  readonly keyColumns: readonly string[];
  readonly order: Order;
  readonly isFiltered: boolean;
  /** Null: the rows have no order. */
  readonly onOrder: ((order: Order) => void) | null;
  readonly onEdit: ((values: readonly unknown[]) => void) | null;
  readonly onDelete: ((values: readonly unknown[]) => void) | null;
  onWhole(whole: Whole): void;
}

export function RowGrid(props: RowGridProps) {
  const { page, keyColumns, order, isFiltered, onOrder, onEdit, onDelete, onWhole } = props;
  const { columns, rows } = page;
  const hasActions = onEdit !== null && onDelete !== null;
  const nameOf = (values: readonly unknown[]) =>
    columns.flatMap((column, at) =>
      keyColumns.includes(column.name) ? [cut(valueText(values[at], column) ?? 'NULL', 60)] : [],
    );
  if (rows.length === 0)
    return <p class="empty">{isFiltered ? 'No row is like this.' : 'The table has no rows.'}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section id="grid" class="scroll grid" tabIndex={0} aria-label="Rows">
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                class={isNumeric(column) ? 'number' : ''}
                title={column.type}
                aria-sort={
                  keyColumns[0] === column.name && onOrder !== null
                    ? order === 'asc'
                      ? 'ascending'
                      : 'descending'
                    : undefined
                }
              >
                {keyColumns.includes(column.name) && onOrder !== null ? (
                  <button
                    type="button"
                    class="sort"
                    title="In the order of the key; click for the other direction"
                    onClick={() => onOrder(order === 'asc' ? 'desc' : 'asc')}
                  >
                    {column.name} <span aria-hidden="true">{order === 'asc' ? '▲' : '▼'}</span>
                  </button>
                ) : (
                  column.name
                )}
              </th>
            ))}
            {hasActions && (
              <th scope="col" class="actions">
                <span class="unseen">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((values, line) => (
            <tr key={line}>
              {columns.map((column, at) => {
                const text = valueText(values[at], column);
                return (
                  <td
                    key={column.name}
                    class={`${isNumeric(column) ? 'number' : ''} ${text === null ? 'null' : ''}`}
                  >
                    {text === null ? 'NULL' : cut(text)}
                    {isCutShort(values[at], column) && (
                      <button
                        type="button"
                        class="quiet small whole"
                        onClick={() => onWhole({ column, text: wholeText(values[at], column) })}
                      >
                        Show all<span class="unseen"> of {column.name}</span>
                      </button>
                    )}
                  </td>
                );
              })}
              {hasActions && (
                <td class="actions">
                  <button type="button" class="quiet small" onClick={() => onEdit(values)}>
                    Edit<span class="unseen"> {nameOf(values).join(', ')}</span>
                  </button>
                  <button type="button" class="quiet small" onClick={() => onDelete(values)}>
                    Delete<span class="unseen"> {nameOf(values).join(', ')}</span>
                  </button>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
