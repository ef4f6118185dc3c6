import { useMemo, useState } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { useAnswer } from '../../api/use-answer.js';
import { ProblemMessage } from '../../parts/message.js';
import { useAction } from '../../parts/use-action.js';
import { mayAskPrimary } from '../../state/actions.js';
import { roundText, type TableRow, tableRows } from '../../state/verify.js';
import { withinReach } from '../../state/ways.js';
import { CompareDialog } from './compare-dialog.js';

/** While a comparison runs it is looked at often. */
const RUNNING_MS = 1000;
const IDLE_MS = 10_000;

/** What the last comparison of the rows of all nodes found, table by table; and a new one, for administrators. */
export function ComparePanel() {
  const { api, self, role, cluster, onProblem } = useSession();
  const { look } = cluster;
  const primary = look?.status.primary ?? null;
  const mayOrder =
    look !== null &&
    role !== null &&
    mayAskPrimary(
      role,
      look.status,
      withinReach(look.status, look.addresses, { own: location.origin, self }),
    );
  const [everyMs, setEveryMs] = useState(IDLE_MS);
  const ask = useMemo(() => (signal: AbortSignal) => api.members.comparison(signal), [api, primary]);
  const { value, problem, refresh } = useAnswer(primary === null ? null : ask, { everyMs, onProblem });
  const [asking, setAsking] = useState<'compare' | 'repair' | null>(null);
  const ending = useAction<unknown>(onProblem);
  const isRunning = value?.running != null;
  const wanted = isRunning ? RUNNING_MS : IDLE_MS;
  if (wanted !== everyMs) setEveryMs(wanted);
  const verdict = value && roundText(value);
  const rows = value === null ? [] : tableRows(value);
  return (
    <section class="panel comparison" aria-labelledby="comparison-title">
      <div class="head">
        <h3 id="comparison-title">Same rows on all nodes?</h3>
        {mayOrder && (
          <div class="buttons">
            {isRunning ? (
              <button
                type="button"
                class="quiet small"
                disabled={ending.busy}
                onClick={() => void ending.run(() => api.members.endComparison()).then(refresh)}
              >
                End it
              </button>
            ) : (
              <>
                <button type="button" class="quiet small" onClick={() => setAsking('compare')}>
                  Compare ...
                </button>
                <button type="button" class="quiet small" onClick={() => setAsking('repair')}>
                  Repair ...
                </button>
              </>
            )}
          </div>
        )}
      </div>
      {verdict && (
        <p id="comparison" role="status">
          <span class={`mark ${verdict.tone}`}>{verdict.text}</span>
        </p>
      )}
      {problem !== null && <ProblemMessage problem={problem} />}
      {ending.problem !== null && <ProblemMessage problem={ending.problem} />}
      {rows.length > 0 && <Tables rows={rows} />}
      {asking !== null && (
        <CompareDialog
          repair={asking === 'repair'}
          onClose={() => {
            setAsking(null);
            refresh();
          }}
        />
      )}
    </section>
  );
}

function Tables({ rows }: { readonly rows: readonly TableRow[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
    <section class="compared" aria-label="Compared tables" tabIndex={0}>
      <table id="compared">
        <thead>
          <tr>
            <th scope="col">Table</th>
            <th scope="col">Found</th>
            <th scope="col" class="number">
              Rows
            </th>
            <th scope="col">At</th>
            <th scope="col">Position</th>
          </tr>
        </thead>
        {rows.map((row) => (
          <tbody key={row.table}>
            <tr>
              <td class="name">{row.table}</td>
              <td>
                <span class={`mark ${row.verdict.tone}`}>{row.verdict.text}</span>
              </td>
              <td class="number">{row.rows}</td>
              <td>{row.time}</td>
              <td class="position">{row.position}</td>
            </tr>
            {row.notes.length > 0 && (
              <tr class="notes">
                <td colSpan={5}>
                  {row.notes.map((note) => (
                    <p key={note}>{note}</p>
                  ))}
                </td>
              </tr>
            )}
          </tbody>
        ))}
      </table>
    </section>
  );
}
