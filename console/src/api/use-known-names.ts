import { useEffect, useMemo, useState } from 'preact/hooks';
import type { NameSource } from '../state/sql/names-here.js';
import { useSession } from './session.js';

export type KnownNames = NameSource;

const NOTHING: NameSource['databases'] = [];

/**
 * Names for the editor, as the node has them: databases and tables at once, columns when somebody writes about their table. Another
 * `version` says that they may have changed.
 */
export function useKnownNames(database: string, version: number): KnownNames {
  const { api, self } = useSession();
  const [databases, setDatabases] = useState(NOTHING);
  const columns = useMemo(() => new Map<string, ReturnType<NameSource['columns']>>(), [api, self, version]);
  useEffect(() => {
    if (self === '') return;
    const ended = new AbortController();
    // Without them the editor completes keywords only; the view says itself when the node does not answer.
    api.tables.schema(ended.signal).then(
      ({ databases: all }) =>
        setDatabases(all.map(({ name, tables }) => ({ name, tables: tables.map((table) => table.name) }))),
      () => {},
    );
    return () => ended.abort();
  }, [api, self, version]);
  return useMemo(
    () => ({
      database,
      databases,
      columns(of: string, table: string) {
        const key = JSON.stringify([of, table]);
        const known = columns.get(key);
        if (known !== undefined) return known;
        const asked = api.tables.table({ database: of, table }, AbortSignal.timeout(5_000)).then(
          (found) => found.columns.map(({ name, type }) => ({ name, type })),
          () => {
            columns.delete(key);
            return [];
          },
        );
        columns.set(key, asked);
        return asked;
      },
    }),
    [api, database, databases, columns],
  );
}
