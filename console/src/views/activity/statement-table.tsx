import type { StatementRow } from '../../state/statements.js';

interface StatementTableProps {
  readonly rows: readonly StatementRow[];
  onEnd(row: StatementRow): void;
}

export function StatementTable({ rows, onEnd }: StatementTableProps) {
  return (
    <table class="cards statements">
      <caption class="unseen">Statements, the oldest first</caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            Time
          </th>
          <th scope="col">Statement</th>
          <th scope="col">State</th>
          <th scope="col">Account</th>
          <th scope="col">Database</th>
          <th scope="col">
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <td data-label="Time" class={`number ${row.tone}`}>
              {row.time}
            </td>
            <td class="statement">
              <code>{row.text}</code>
              {row.fixed !== null && <p class="hint">{row.fixed}</p>}
            </td>
            <td data-label="State">{row.state}</td>
            <td data-label="Account" title={`Session ${row.session}`}>
              {row.account}
            </td>
            <td data-label="Database">{row.database || '–'}</td>
            <td class="actions">
              {row.fixed === null && (
                <button type="button" class="quiet small" onClick={() => onEnd(row)}>
                  End ...<span class="unseen"> statement {row.id}</span>
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
