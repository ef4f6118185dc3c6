import { useRef } from 'preact/hooks';
import type { Table } from '../../../../client/src/index.js';
import { CopyButton } from '../../parts/copy-button.js';
import { dataHash } from '../../state/names.js';
import { columnNotes, indexColumns, listedIndexes } from '../../state/schema.js';

export function StructureTab({ table }: { table: Table }) {
  const { comment, indexes, foreignKeys } = table;
  return (
    <div id="structure">
      {comment !== '' && <p class="space">{comment}</p>}
      <Columns table={table} />
      {indexes.length > 0 && <Indexes table={table} />}
      {foreignKeys.length > 0 && <ForeignKeys table={table} />}
      {table.ddl !== '' && <Definition ddl={table.ddl} />}
    </div>
  );
}

function Columns({ table }: { table: Table }) {
  return (
    <section>
      <h3>Columns</h3>
      <table id="columns" class="cards">
        <caption class="unseen">Columns</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Type</th>
            <th scope="col">NULL</th>
            <th scope="col">Default</th>
            <th scope="col">More</th>
          </tr>
        </thead>
        <tbody>
          {table.columns.map((column) => (
            <tr key={column.name}>
              <td class="name">
                {column.name}
                {table.primaryKey?.includes(column.name) && <span class="chip lead">key</span>}
              </td>
              <td data-label="Type" class="word">
                {column.type}
              </td>
              <td data-label="NULL">{column.nullable ? 'yes' : 'no'}</td>
              <td data-label="Default" class="word">
                {column.default ?? '–'}
              </td>
              <td class="comment">{columnNotes(column)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Indexes({ table }: { table: Table }) {
  return (
    <section>
      <h3>Keys and indexes</h3>
      <table id="indexes" class="cards">
        <caption class="unseen">Keys and indexes</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Columns</th>
            <th scope="col">Unique</th>
            <th scope="col">Kind</th>
          </tr>
        </thead>
        <tbody>
          {listedIndexes(table).map((index) => (
            <tr key={index.name}>
              <td class="name">{index.name}</td>
              <td data-label="Columns">{indexColumns(index)}</td>
              <td data-label="Unique">{index.unique ? 'yes' : 'no'}</td>
              <td data-label="Kind">{index.kind}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function ForeignKeys({ table }: { table: Table }) {
  return (
    <section>
      <h3>Foreign keys</h3>
      <table id="foreign-keys" class="cards">
        <caption class="unseen">Foreign keys</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Columns</th>
            <th scope="col">References</th>
            <th scope="col">On update</th>
            <th scope="col">On delete</th>
          </tr>
        </thead>
        <tbody>
          {table.foreignKeys.map(({ name, columns, references, onUpdate, onDelete }) => (
            <tr key={name}>
              <td class="name">{name}</td>
              <td data-label="Columns">{columns.join(', ')}</td>
              <td data-label="References">
                <a href={dataHash(references.database, references.table)}>
                  {references.database}.{references.table}
                </a>{' '}
                ({references.columns.join(', ')})
              </td>
              <td data-label="On update">{onUpdate}</td>
              <td data-label="On delete">{onDelete}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Definition({ ddl }: { ddl: string }) {
  const text = useRef<HTMLPreElement>(null);
  return (
    <section>
      <div class="head">
        <h3>Definition</h3>
        <CopyButton source={text} label="Copy" />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <pre id="ddl" ref={text} class="scroll sql" tabIndex={0}>
        {ddl}
      </pre>
    </section>
  );
}
