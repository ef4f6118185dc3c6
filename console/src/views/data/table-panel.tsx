import { useMemo } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { useAnswer } from '../../api/use-answer.js';
import { ProblemMessage } from '../../parts/message.js';
import { ViewTitle } from '../../parts/view-title.js';
import { dataHash, type Place, type Tab } from '../../state/names.js';
import { tableFacts } from '../../state/schema.js';
import { RowsTab } from './rows-tab.js';
import { Crumbs } from './schema-overview.js';
import { StructureTab } from './structure-tab.js';

const TABS: readonly (readonly [Tab, string])[] = [
  ['rows', 'Rows'],
  ['structure', 'Structure'],
];

export function TablePanel({ place, tab }: { place: Place; tab: Tab }) {
  const { api, self, onProblem } = useSession();
  const { database, table } = place;
  const ask = useMemo(
    () => (self === '' ? null : (signal: AbortSignal) => api.tables.table({ database, table }, signal)),
    [api, self, database, table],
  );
  const { value, problem, busy } = useAnswer(ask, { everyMs: null, onProblem });
  return (
    <section id="table" class="panel" aria-labelledby="data-title">
      <div class="head">
        <ViewTitle id="data-title">
          <Crumbs database={database} table={table} />
        </ViewTitle>
        <p class="hint">{value !== null && tableFacts(value).join(' · ')}</p>
      </div>
      <nav class="tabs" aria-label="Of this table">
        {TABS.map(([name, text]) => (
          <a
            key={name}
            href={dataHash(database, table, name)}
            aria-current={name === tab ? 'page' : undefined}
          >
            {text}
          </a>
        ))}
      </nav>
      {problem !== null && <ProblemMessage id="table-error" problem={problem} />}
      {value === null && busy && <p class="hint space">Loading ...</p>}
      {value !== null && (tab === 'rows' ? <RowsTab table={value} /> : <StructureTab table={value} />)}
    </section>
  );
}
