import type { Schema } from '../../../../client/src/index.js';
import { dataHash, type Place } from '../../state/names.js';
import { listingOf } from '../../state/schema.js';
import { SearchField } from './search-field.js';

interface TableListProps {
  readonly schema: Schema | null;
  readonly place: Place;
  readonly search: string;
  onSearch(search: string): void;
}

/** The other tables, beside the one that is open. */
export function TableList({ schema, place, search, onSearch }: TableListProps) {
  const listing = schema && listingOf(schema, search, null);
  return (
    <nav class="panel tables" aria-label="Tables">
      <SearchField search={search} onSearch={onSearch} />
      {listing?.databases.map(({ name, tables }) => (
        <section key={name}>
          <h3>
            <a href={dataHash(name)}>{name}</a>
          </h3>
          <ul>
            {tables.map((table) => (
              <li key={table.name}>
                <a
                  href={dataHash(name, table.name)}
                  aria-current={name === place.database && table.name === place.table ? 'page' : undefined}
                >
                  {table.name}
                </a>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {listing !== null && listing.databases.length === 0 && (
        <p class="hint">No table has this in its name.</p>
      )}
    </nav>
  );
}
