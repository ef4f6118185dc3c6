import { createHash } from 'node:crypto';
import {
  type Content,
  type Definition,
  type Partition,
  quoted,
  SET_ASIDE,
  type StoredDefinition,
  type TableDefinition,
} from '../flavour/definitions.js';
import type { DefinitionsSql } from '../flavour/definitions-sql.js';
import type { Definitions } from '../model/definitions.js';
import { structureOf } from './table-structure.js';

/**
 * Decides how a primary's server that died in the middle of DDL gets the definitions that its log describes. A replica that
 * has executed the whole log shows these definitions. The client got no answer, so the DDL may be undone here, or be done on
 * all nodes:
 *
 *   more here than in the log, no rows at stake   undone here, without logging
 *   rows were deleted here                        done on all nodes: logged, as a statement that is harmless where it is done
 *   less here than in the log (routines, events)  done here, without logging
 *   a table that cannot be read here              left as it is: its rows are on the replicas
 *   a definition that rows do not depend on       ignored: a default, an option, a view, a trigger (definition-watch reports it)
 *   anything else                                 left as it is: the operator decides
 *
 * A replica in such doubt is filled from another node. A primary is not: no other node may open meanwhile, and the cluster would
 * stay closed for as long as the copy takes (docs/inside-definitions.md).
 *
 * Seen on 10.11: DDL on partitions, TRUNCATE TABLE, CREATE DATABASE and CREATE TABLE ... SELECT may be done and not logged;
 * routines and events may be logged and not done; ALTER and RENAME may leave a table with partitions that cannot be opened.
 * The server itself settles all other DDL (see ddl-recovery.ts).
 */
export interface RepairStep {
  readonly sql: string;
  /** What is done, for people. */
  readonly what: string;
  /** True when it is written to the binary log, so that all nodes do it. */
  readonly logged: boolean;
}

export interface RepairPlan {
  readonly steps: readonly RepairStep[];
  /** Differences without a step, for people. */
  readonly left: readonly string[];
}

/**
 * @param remade tables and partitions that the engine made again since the server was last opened, as the engine names them
 * @param changed tables that had DDL since then, as `schema/name`; this crash cannot have changed other tables
 * @param known objects whose own definition and the replica's differed in the same way before the crash
 * @param setAside a name for the nth table that is not in the log
 * @param copyStored see DefinitionsSql
 */
export function planRepair(
  objects: readonly string[],
  own: Definitions,
  theirs: Definitions,
  {
    remade,
    changed,
    known,
    setAside,
    copyStored,
  }: {
    remade: ReadonlySet<string>;
    changed: ReadonlySet<string>;
    known: ReadonlySet<string>;
    setAside: (n: number) => string;
    copyStored: DefinitionsSql['copyStored'];
  },
): RepairPlan {
  const steps: RepairStep[] = [];
  const left: string[] = [];
  // Schemas last, when they are empty.
  const schemasToDrop: string[] = [];
  for (const object of objects) {
    const here = parse(own.get(object));
    const there = parse(theirs.get(object));
    const kind = (here ?? there)?.kind;
    if (kind === 'schema') {
      if (!there) schemasToDrop.push(object.replace(/^schema /, ''));
      else if (here) left.push(`${object} has another character set or collation`);
      else steps.unshift(pastLog(createSchema(there)));
    } else if (kind === 'routine' || kind === 'event') {
      const { sql, what } = copyStored(
        object,
        here as StoredDefinition | null,
        there as StoredDefinition | null,
      );
      steps.push(pastLog(sql, what));
    } else if (kind === 'table' && here && !there) {
      const unreadable = unreadableIn(here as TableDefinition);
      if (unreadable !== null) {
        left.push(`${object} is not in the log, and ${unreadable}`);
        continue;
      }
      if (!changed.has(`${here.schema}/${(here as TableDefinition).name}`)) {
        left.push(`${object} is not in the log`);
        continue;
      }
      const name = setAside(steps.length);
      steps.push(
        pastLog(`RENAME TABLE ${object.replace(/^table /, '')} TO ${quoted(SET_ASIDE.schema, name)}`),
      );
    } else if (kind === 'table' && here && there) {
      const plan = planTable(here as TableDefinition, there as TableDefinition, {
        remade,
        changed,
        isKnown: known.has(object),
      });
      steps.push(...plan.steps);
      left.push(...plan.left.map((what) => `${object} ${what}`));
    } else if (!here || !there) {
      // A view or trigger that differs is ignored, because a replica fires no trigger for row events.
      left.push(`${object} ${here ? 'is not in the log' : 'is missing'}`);
    }
  }
  for (const schema of schemasToDrop) steps.push(pastLog(`DROP DATABASE ${schema}`));
  return { steps, left };
}

/** A table's definition without partitions and rows, which change by themselves. */
function outlineOf(definition: Definition | null): string {
  if (definition?.kind !== 'table') return JSON.stringify(definition);
  return JSON.stringify([definition.shape, definition.partitioning]);
}

/** A name for the way in which an object differs on two servers. Null when it does not, or exists on one of them only. */
export function differenceOf(object: string, own?: string, theirs?: string): string | null {
  if (own === undefined || theirs === undefined) return null;
  const outlines = [own, theirs].map((text) => outlineOf(parse(text)));
  if (outlines[0] === outlines[1]) return null;
  return createHash('sha256')
    .update(JSON.stringify([object, ...outlines]))
    .digest('hex')
    .slice(0, 16);
}

function parse(text: string | undefined): Definition | null {
  return text === undefined ? null : (JSON.parse(text) as Definition);
}

const pastLog = (sql: string, what = sql): RepairStep => ({ sql, what, logged: false });
const everywhere = (sql: string): RepairStep => ({ sql, what: sql, logged: true });

function createSchema(definition: Definition): string {
  if (definition.kind !== 'schema') throw new Error('not a schema');
  const { schema, characterSet, collation } = definition;
  return `CREATE DATABASE ${quoted(schema)} CHARACTER SET ${characterSet} COLLATE ${collation}`;
}

function planTable(
  here: TableDefinition,
  there: TableDefinition,
  {
    remade,
    changed,
    isKnown,
  }: { remade: ReadonlySet<string>; changed: ReadonlySet<string>; isKnown: boolean },
): RepairPlan {
  const unreadable = unreadableIn(here);
  // Its rows were acknowledged, and the replicas have them. The operator must restore them before the table is written to.
  if (unreadable !== null) return { steps: [], left: [unreadable] };
  // The replica reports this itself.
  if (unreadableIn(there) !== null) return { steps: [], left: [] };
  if (!isKnown && !isAlikeForRows(here, there)) return { steps: [], left: ['has another definition'] };
  const table = quoted(here.schema, here.name);
  if (here.partitioning === null) {
    const truncated = emptied(here.content, there.content, () => remade.has(`${here.schema}/${here.name}`));
    return truncated(() => everywhere(`TRUNCATE TABLE ${table}`));
  }
  if (here.partitioning.isAuto) return planHistory(here, there);
  const structure = planPartitions(table, here, there, changed.has(`${here.schema}/${here.name}`));
  if (structure.steps.length + structure.left.length > 0) return structure;
  const each = here.partitions.map((partition, i) => {
    const engineName = `${here.schema}/${here.name}#P#${partition.name}`;
    const isRemade = () =>
      [...remade].some((name) => name === engineName || name.startsWith(`${engineName}#SP#`));
    const truncated = emptied(partition.content, there.partitions[i]?.content ?? 'unknown', isRemade);
    return truncated(() => everywhere(`ALTER TABLE ${table} TRUNCATE PARTITION ${quoted(partition.name)}`));
  });
  return { steps: each.flatMap(({ steps }) => steps), left: each.flatMap(({ left }) => left) };
}

/** True when row events and replicated DDL have the same effect on both. */
function isAlikeForRows(here: TableDefinition, there: TableDefinition): boolean {
  const [mine, others] = [here, there].map(({ shape, partitioning }) =>
    JSON.stringify([typeof shape === 'string' ? structureOf(shape) : shape, partitioning]),
  );
  return mine === others;
}

/**
 * Each server adds history partitions by itself, without logging it, and fills them by its own clock and count. So they differ
 * also on servers with the same data, and no step drops or empties one for it. Rows that are not history are in the last
 * partition.
 */
function planHistory(here: TableDefinition, there: TableDefinition): RepairPlan {
  const [mine, others] = [here, there].map(({ partitions }) => partitions.at(-1)?.content ?? 'unknown');
  const isLost = mine === 'empty' && others === 'rows';
  return { steps: [], left: isLost ? ['has lost its rows here'] : [] };
}

/** Why a table cannot be used, for people; null when it can be. */
function unreadableIn({ content, partitions }: TableDefinition): string | null {
  const contents = [content, ...partitions.map((partition) => partition.content)];
  const found = contents.find((each) => each.startsWith('unreadable'));
  return found === undefined ? null : `cannot be read here (error ${found.replace('unreadable ', '')})`;
}

/** Tables that cannot be read on the server with these definitions. */
export function unreadableObjects(definitions: Definitions): string[] {
  return [...definitions.keys()].filter((object) => {
    const definition = object.startsWith('table ') ? parse(definitions.get(object)) : null;
    return definition?.kind === 'table' && unreadableIn(definition) !== null;
  });
}

/**
 * A table that is empty on this server only. If the engine made it again, a TRUNCATE was the cause; otherwise rows were lost.
 */
function emptied(
  here: Content,
  there: Content,
  isRemade: () => boolean,
): (truncate: () => RepairStep) => RepairPlan {
  return (truncate) => {
    if (here === there || here === 'unknown' || there === 'unknown') return { steps: [], left: [] };
    if (here === 'empty' && isRemade()) return { steps: [truncate()], left: [] };
    return { steps: [], left: [here === 'empty' ? 'has lost its rows here' : 'has rows here only'] };
  };
}

function planPartitions(
  table: string,
  here: TableDefinition,
  there: TableDefinition,
  isChanged: boolean,
): RepairPlan {
  const method = here.partitioning?.method ?? '';
  if (/HASH|KEY/.test(method)) {
    const surplus = here.partitions.length - there.partitions.length;
    if (surplus === 0) return { steps: [], left: [] };
    const change = surplus > 0 ? `COALESCE PARTITION ${surplus}` : `ADD PARTITION PARTITIONS ${-surplus}`;
    return { steps: [pastLog(`ALTER TABLE ${table} ${change}`)], left: [] };
  }
  const [mine, others] = withoutCommon(here.partitions, there.partitions);
  if (mine.length + others.length === 0) return { steps: [], left: [] };
  const alter = (what: string) => `ALTER TABLE ${table} ${what}`;
  const names = (partitions: readonly Partition[]) => partitions.map(({ name }) => quoted(name)).join(', ');
  if (mine.length === 0 && isChanged)
    return { steps: [everywhere(alter(`DROP PARTITION IF EXISTS ${names(others)}`))], left: [] };
  if (others.length === 0 && mine.every(({ content }) => content === 'empty'))
    return { steps: [pastLog(alter(`DROP PARTITION ${names(mine)}`))], left: [] };
  const values = /^RANGE/.test(method) ? 'VALUES LESS THAN' : /^LIST/.test(method) ? 'VALUES IN' : null;
  const plain = [...mine, ...others].every(({ subpartitions }) => subpartitions.length === 0);
  if (mine.length === 0 || others.length === 0 || values === null || !plain)
    return { steps: [], left: ['has other partitions'] };
  const definitions = others.map(
    (partition) => `PARTITION ${quoted(partition.name)} ${values} (${partition.values})`,
  );
  return {
    steps: [pastLog(alter(`REORGANIZE PARTITION ${names(mine)} INTO (${definitions.join(', ')})`))],
    left: [],
  };
}

/** Two lists without their common beginning and their common end. */
function withoutCommon(
  a: readonly Partition[],
  b: readonly Partition[],
): [readonly Partition[], readonly Partition[]] {
  const same = (x?: Partition, y?: Partition) =>
    JSON.stringify([x?.name, x?.values, x?.subpartitions]) ===
    JSON.stringify([y?.name, y?.values, y?.subpartitions]);
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && same(a[head], b[head])) head++;
  let tail = 0;
  while (tail < shorter - head && same(a.at(-1 - tail), b.at(-1 - tail))) tail++;
  return [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
}
