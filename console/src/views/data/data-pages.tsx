import { useMemo, useState } from 'preact/hooks';
import { useSession } from '../../api/session.js';
import { useAnswer } from '../../api/use-answer.js';
import { ProblemMessage } from '../../parts/message.js';
import { useHash } from '../../parts/use-hash.js';
import { dataPlaceOf } from '../../state/names.js';
import { SchemaOverview } from './schema-overview.js';
import { TableList } from './table-list.js';
import { TablePanel } from './table-panel.js';

/** All tables, or one of them beside the list of the others. */
export function DataPages() {
  const { api, self, onProblem } = useSession();
  const { database, table, tab } = dataPlaceOf(useHash());
  const [search, setSearch] = useState('');
  // Another node has its own look at the tables.
  const ask = useMemo(
    () => (self === '' ? null : (signal: AbortSignal) => api.tables.schema(signal)),
    [api, self],
  );
  const schema = useAnswer(ask, { everyMs: null, onProblem });
  const problem = schema.problem !== null && <ProblemMessage id="schema-error" problem={schema.problem} />;
  if (database === null || table === null)
    return (
      <SchemaOverview schema={schema} only={database} search={search} onSearch={setSearch}>
        {problem}
      </SchemaOverview>
    );
  return (
    <div class="data-pages">
      <TableList schema={schema.value} place={{ database, table }} search={search} onSearch={setSearch} />
      <TablePanel key={JSON.stringify([database, table])} place={{ database, table }} tab={tab} />
    </div>
  );
}
