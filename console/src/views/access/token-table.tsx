import type { Token } from '../../../../client/src/index.js';
import { tokenRow } from '../../state/tokens.js';

interface TokenTableProps {
  readonly tokens: readonly Token[];
  /** Id of the token that the page is signed in with. */
  readonly own: string | null;
  readonly self: string;
  readonly onRotate: ((token: Token) => void) | null;
  readonly onRevoke: ((token: Token) => void) | null;
}

export function TokenTable({ tokens, own, self, onRotate, onRevoke }: TokenTableProps) {
  const nowMs = Date.now();
  const hasActions = onRotate !== null && onRevoke !== null;
  return (
    <table id="tokens" class="cards">
      <caption class="unseen">Tokens</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">Created</th>
          <th scope="col">Expires</th>
          <th scope="col">Limit</th>
          <th scope="col">
            <abbr title={`The last request with it that ${self} had; each node knows its own`}>Last use</abbr>
          </th>
          {hasActions && (
            <th scope="col">
              <span class="unseen">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {tokens.map((token) => {
          const row = tokenRow(token, own, nowMs);
          return (
            <tr key={row.id}>
              <td class="name">
                {row.name} {row.isOwn && <span class="chip lead">this page</span>}
              </td>
              <td data-label="Role">{row.role}</td>
              <td data-label="Created" title={token.createdAt}>
                {row.created}
              </td>
              <td data-label="Expires" title={row.expires.at} class={row.expires.tone}>
                {row.expires.text}
              </td>
              <td data-label="Limit">{row.limit}</td>
              <td data-label="Last use" title={token.lastUsedAt ?? ''}>
                {row.used}
              </td>
              {hasActions && (
                <td class="actions">
                  <button type="button" class="quiet small" onClick={() => onRotate(token)}>
                    Rotate ...<span class="unseen"> {row.name}</span>
                  </button>
                  <button type="button" class="quiet small" onClick={() => onRevoke(token)}>
                    Revoke ...<span class="unseen"> {row.name}</span>
                  </button>
                </td>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
