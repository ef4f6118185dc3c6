import type { SqlResult } from '../../../../client/src/index.js';
import { isNumeric, shownRows, valueText } from '../../state/sql-result.js';

export function ResultTable({ result }: { result: SqlResult }) {
  const { columns } = result;
  const classes = columns.map((column) => (isNumeric(column) ? 'number' : ''));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section id="sql-result" class="scroll" tabIndex={0} aria-label="Result">
      <table>
        <thead>
          <tr>
            {columns.map(({ name, type }, at) => (
              <th key={at} scope="col" class={classes[at]} title={type}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shownRows(result).map((row, line) => (
            <tr key={line}>
              {columns.map((column, at) => {
                const text = valueText(row[at], column);
                return (
                  <td key={at} class={`${classes[at]} ${text === null ? 'null' : ''}`}>
                    {text ?? 'NULL'}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
