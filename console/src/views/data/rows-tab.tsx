import { useMemo, useState } from 'preact/hooks';
import type { Table } from '../../../../client/src/index.js';
import { useSession } from '../../api/session.js';
import { useRows } from '../../api/use-rows.js';
import { Message, ProblemMessage } from '../../parts/message.js';
import { httpLink } from '../../state/members.js';
import { dataHash, type Place } from '../../state/names.js';
import { keyOf } from '../../state/row-sql.js';
import { lookOnly } from '../../state/schema.js';
import { DeleteDialog } from './delete-dialog.js';
import { Pager } from './pager.js';
import { RowDialog } from './row-dialog.js';
import { RowFilter } from './row-filter.js';
import { RowGrid } from './row-grid.js';
import { ValueDialog, type Whole } from './value-dialog.js';

type Asked =
  | { readonly kind: 'insert' }
  | { readonly kind: 'edit' | 'delete'; readonly values: readonly unknown[] }
  | { readonly kind: 'whole'; readonly whole: Whole };

/** The rows of a table, page by page, and the dialogs that change one. */
export function RowsTab({ table }: { table: Table }) {
  const { self, role, cluster } = useSession();
  const place: Place = { database: table.database, table: table.name };
  const key = useMemo(() => keyOf(table), [table]);
  const rows = useRows(table, key);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [told, setTold] = useState('');
  const status = cluster.look?.status;
  const isKnown = status !== undefined && role !== null;
  const look = isKnown ? lookOnly(status, { self, role, table, key }) : null;
  const mayChange = isKnown && look === null;
  const link = httpLink(look?.primary?.http);
  const { page } = rows;
  const done = (text: string) => {
    setAsked(null);
    setTold(text);
    rows.refresh();
  };
  return (
    <div id="rows">
      {look !== null && (
        <Message id="look-only" kind="note">
          {look.text}
          {link !== null && (
            <>
              {' '}
              <a href={`${link}/${dataHash(place.database, place.table)}`}>Open it on {look.primary?.name}</a>
            </>
          )}
        </Message>
      )}
      <RowFilter table={table} rows={rows}>
        {mayChange && page !== null && (
          <button type="button" onClick={() => setAsked({ kind: 'insert' })}>
            New row ...
          </button>
        )}
      </RowFilter>
      {rows.problem !== null && <ProblemMessage id="rows-error" problem={rows.problem} />}
      <p id="rows-told" class="told" role="status">
        {told}
      </p>
      {page === null && rows.busy && <p class="hint space">Loading ...</p>}
      {page !== null && (
        <RowGrid
          page={page}
          keyColumns={key ?? []}
          order={rows.order}
          isFiltered={rows.filter !== null}
          onOrder={key === null ? null : rows.setOrder}
          onEdit={mayChange ? (values) => setAsked({ kind: 'edit', values }) : null}
          onDelete={mayChange ? (values) => setAsked({ kind: 'delete', values }) : null}
          onWhole={(whole) => setAsked({ kind: 'whole', whole })}
        />
      )}
      <Pager rows={rows} isOrdered={key !== null} />
      {(asked?.kind === 'insert' || asked?.kind === 'edit') && page !== null && (
        <RowDialog
          table={table}
          columns={page.columns}
          tableKey={key ?? []}
          values={asked.kind === 'edit' ? asked.values : null}
          onDone={done}
          onClose={() => setAsked(null)}
        />
      )}
      {asked?.kind === 'delete' && page !== null && (
        <DeleteDialog
          row={{ place, key: key ?? [], columns: page.columns, values: asked.values }}
          onDone={done}
          onClose={() => setAsked(null)}
        />
      )}
      {asked?.kind === 'whole' && <ValueDialog whole={asked.whole} onClose={() => setAsked(null)} />}
    </div>
  );
}
