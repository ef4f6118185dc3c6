import { type BoundStatement, boundText } from '../../state/bound.js';

/** What will run, before it runs: its text, and the values that are bound to it. */
export function StatementPreview({ statement }: { statement: BoundStatement }) {
  return (
    <section class="preview" aria-label="Statement">
      <pre class="sql">{statement.sql}</pre>
      <ol>
        {statement.params.map((bound, at) => {
          const { text, isNull } = boundText(bound);
          return (
            <li key={at}>
              <code class={isNull ? 'null' : ''}>{text}</code>
              {text === '' && <span class="hint">(an empty text)</span>}
            </li>
          );
        })}
      </ol>
    </section>
  );
}
