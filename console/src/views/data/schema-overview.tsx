import type { ComponentChildren } from 'preact';
import type { Schema } from '../../../../client/src/index.js';
import type { Answer } from '../../api/use-answer.js';
import { ViewTitle } from '../../parts/view-title.js';
import { dataHash } from '../../state/names.js';
import { type ListedDatabase, listingOf } from '../../state/schema.js';
import { count } from '../../state/text.js';
import { SearchField } from './search-field.js';

interface SchemaOverviewProps {
  readonly schema: Answer<Schema>;
  /** Null: all databases. */
  readonly only: string | null;
  readonly search: string;
  /** Why there is nothing, or nothing new. */
  readonly children: ComponentChildren;
  onSearch(search: string): void;
}

export function SchemaOverview({ schema, only, search, children, onSearch }: SchemaOverviewProps) {
  const { value, busy, refresh } = schema;
  const listing = value && listingOf(value, search, only);
  return (
    <section id="schema" class="panel" aria-labelledby="data-title">
      <div class="head">
        <ViewTitle id="data-title">{only === null ? 'Databases' : <Crumbs database={only} />}</ViewTitle>
        <button type="button" class="quiet" disabled={busy} onClick={refresh}>
          Refresh
        </button>
      </div>
      <div class="row">
        <SearchField search={search} onSearch={onSearch} />
      </div>
      {children}
      {value === null && busy && <p class="hint space">Loading ...</p>}
      {listing?.databases.map((database) => (
        <Tables key={database.name} database={database} />
      ))}
      {value !== null && listing?.databases.length === 0 && (
        <p class="empty">{emptyText(value, search, only)}</p>
      )}
      {listing !== null && listing.more > 0 && (
        <p class="hint space">{count(listing.more)} more tables: search for a part of the name.</p>
      )}
      {value?.complete === false && (
        <p class="hint space">The node lists no more than so many tables; SQL knows the others.</p>
      )}
    </section>
  );
}

function emptyText(schema: Schema, search: string, only: string | null): string {
  if (search.trim() !== '') return 'No table has this in its name.';
  return only !== null && schema.databases.length > 0
    ? 'There is no database of this name that your token may see.'
    : 'There is no database yet. Make one with SQL: CREATE DATABASE shop';
}

export function Crumbs({ database, table }: { database: string; table?: string }) {
  return (
    <span class="crumbs">
      <a href={dataHash()}>Databases</a>
      <span aria-hidden="true"> / </span>
      {table === undefined ? database : <a href={dataHash(database)}>{database}</a>}
      {table !== undefined && (
        <>
          <span aria-hidden="true"> / </span>
          {table}
        </>
      )}
    </span>
  );
}

function Tables({ database }: { database: ListedDatabase }) {
  const { name, summary, tables } = database;
  return (
    <section class="database">
      <h3>
        <a href={dataHash(name)}>{name}</a> <span class="hint">{summary}</span>
      </h3>
      {tables.length === 0 ? (
        <p class="hint">It has no tables.</p>
      ) : (
        <table class="cards">
          <caption class="unseen">Tables of {name}</caption>
          <thead>
            <tr>
              <th scope="col">Table</th>
              <th scope="col">Kind</th>
              <th scope="col" class="number">
                <abbr title="The server's estimate">Rows</abbr>
              </th>
              <th scope="col" class="number">
                Data
              </th>
              <th scope="col" class="number">
                Indexes
              </th>
              <th scope="col">Comment</th>
            </tr>
          </thead>
          <tbody>
            {tables.map((table) => (
              <tr key={table.name}>
                <td class="name">
                  <a href={dataHash(name, table.name)}>{table.name}</a>
                </td>
                <td data-label="Kind">{table.kind}</td>
                <td data-label="Rows" class="number">
                  {table.rows}
                </td>
                <td data-label="Data" class="number">
                  {table.data}
                </td>
                <td data-label="Indexes" class="number">
                  {table.indexes}
                </td>
                <td class="comment">{table.comment}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
