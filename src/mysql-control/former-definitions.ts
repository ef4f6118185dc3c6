import type { Definition, TableDefinition } from '../flavour/definitions.js';
import type { Definitions } from '../model/definitions.js';

/**
 * Decides whether a server that died while it was open as the primary has exactly the data that its log describes. Pure. Rows are
 * right when the log is: engine and log commit together. What else can differ is DDL, which may be done and not logged, or logged
 * and lost. Whatever is not certain counts as a difference, and the server is filled from another node.
 *
 * `own` are the definitions of this server before it executes anything that comes after the end of its log, `theirs` those of
 * another server that has executed this log, and no DDL since then. docs/elections.md has the argument.
 */
export interface FormerFacts {
  /** Tables and partitions that the engine made after the server was opened as the primary, as the engine names them. */
  readonly remade: ReadonlySet<string>;
  /** No partition was made, emptied, exchanged or removed since then. */
  readonly samePartitions: boolean;
}

/** What cannot be proven of this server by itself, for people. */
export function doubtsOf(own: Definitions, { samePartitions }: FormerFacts): string[] {
  return tablesOf(own).flatMap(([object, table]) => {
    const contents = [table.content, ...table.partitions.map(({ content }) => content)];
    if (table.shape === null || contents.some((content) => content.startsWith('unreadable')))
      return [`${object} cannot be read`];
    if (table.content === 'unknown') return [`whether ${object} has rows could not be found out in time`];
    // The engine's own tables alone are certain after a crash.
    if (!isInnodb(table)) return [`${object} is not a table of InnoDB`];
    // EXCHANGE PARTITION leaves no other trace, and TRUNCATE of subpartitions may be half done.
    if (table.partitioning !== null && !samePartitions)
      return [`partitions were changed since the server was opened, among them perhaps those of ${object}`];
    return [];
  });
}

/** How the objects differ that have different digests, for people. */
export function formerDifferences(
  objects: readonly string[],
  { own, theirs }: { own: Definitions; theirs: Definitions },
  facts: FormerFacts,
): string[] {
  return objects.flatMap((object) => {
    const here = parse(own.get(object));
    const there = parse(theirs.get(object));
    if (here === null) return [`${object} is missing`];
    if (there === null) return [`${object} is not in the log`];
    if (here.kind !== 'table' || there.kind !== 'table')
      return own.get(object) === theirs.get(object) ? [] : [`${object} has another definition`];
    if (withoutContent(here) !== withoutContent(there)) return [`${object} has another definition`];
    // Of the rows of partitions, `doubtsOf` is certain.
    if (here.content === 'empty' && there.content !== 'empty' && isRemade(here, facts))
      return [`${object} is empty, and may have been emptied without being logged`];
    return [];
  });
}

function tablesOf(definitions: Definitions): [string, TableDefinition][] {
  return [...definitions.keys()].flatMap((object) => {
    const definition = parse(definitions.get(object));
    return definition?.kind === 'table' ? [[object, definition] as [string, TableDefinition]] : [];
  });
}

const parse = (text: string | undefined): Definition | null =>
  text === undefined ? null : (JSON.parse(text) as Definition);

const isInnodb = ({ shape }: TableDefinition): boolean =>
  typeof shape === 'string' && /^\) ENGINE=InnoDB\b/m.test(shape.slice(shape.lastIndexOf('\n)') + 1));

/** Rows come and go with the log; TRUNCATE, the only statement that removes them without it, makes the table anew. */
function withoutContent({ content: _, partitions, ...table }: TableDefinition): string {
  return JSON.stringify([table, partitions.map(({ content: __, ...partition }) => partition)]);
}

/** The engine writes names with other characters in another way. Then any such table counts. */
function isRemade({ schema, name }: TableDefinition, { remade }: FormerFacts): boolean {
  const isPlain = /^\w+$/.test(schema) && /^\w+$/.test(name);
  return isPlain ? remade.has(`${schema}/${name}`) : [...remade].some((each) => each.includes('@'));
}
