/** What `EXPLAIN FORMAT=JSON` says, as a tree for people. Pure. */
import { count } from '../text.js';

export interface PlanNode {
  readonly title: string;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  readonly warnings: readonly string[];
  readonly children: readonly PlanNode[];
}

type Step = Readonly<Record<string, unknown>>;

const ACCESS: Readonly<Record<string, string>> = {
  ALL: 'full scan, every row is read',
  index: 'full scan of an index',
  range: 'a range of an index',
  ref: 'rows with one value of an index',
  ref_or_null: 'rows with one value of an index, or NULL',
  eq_ref: 'one row by a unique key, for each row before',
  const: 'one row by a unique key, read once',
  system: 'the only row, read once',
  index_merge: 'several indexes together',
  fulltext: 'a full-text index',
  unique_subquery: 'a subquery by a unique key',
  index_subquery: 'a subquery by an index',
};

const TITLES: Readonly<Record<string, string>> = {
  filesort: 'Sorts',
  temporary_table: 'Through a temporary table',
  read_sorted_file: 'Reads what was sorted',
  'block-nl-join': 'Joins in blocks',
  materialized: 'Materialised first',
  union_result: 'Union',
  query_specifications: 'Its parts',
  subqueries: 'Subqueries',
  expression_cache: 'Remembers results of a subquery',
  window_functions_computation: 'Window functions',
  duplicates_removal: 'Removes duplicates',
  recursive_union: 'Recursive union',
};

/** Said otherwise, or of no use to people. */
const UNTOLD = new Set([
  'table_name',
  'access_type',
  'select_id',
  'key_length',
  'possible_keys',
  'rows',
  'loops',
]);
const NAMES: Readonly<Record<string, string>> = {
  attached_condition: 'condition',
  used_key_parts: 'parts of the key',
  index_condition: 'condition in the index',
  having_condition: 'HAVING',
  sort_key: 'by',
  filtered: 'kept, %',
};
const SMALL_ROWS = 1000;

/** Null: it is no plan of this kind, and is shown as text. */
export function planOf(value: unknown): PlanNode | null {
  const step = typeof value === 'string' ? parsed(value) : value;
  if (!isStep(step) || !isStep(step.query_block)) return null;
  return nodeOf('query_block', step.query_block);
}

function nodeOf(key: string, step: Step): PlanNode {
  const isTable = typeof step.table_name === 'string';
  return {
    title: isTable ? String(step.table_name) : titleOf(key, step),
    facts: [...(isTable ? accessOf(step) : []), ...factsOf(step)],
    warnings: isTable ? warningsOf(step) : [],
    children: Object.entries(step).flatMap(([name, value]) => childrenOf(name, value)),
  };
}

function titleOf(key: string, { select_id: id }: Step): string {
  if (key === 'query_block') return id === undefined ? 'Query' : `Query ${id}`;
  const words = key.replaceAll('_', ' ');
  return TITLES[key] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** Lists whose members are plans; a list of a loop stands for nothing but its members. */
function childrenOf(name: string, value: unknown): readonly PlanNode[] {
  if (Array.isArray(value)) {
    const inside = value
      .filter(isStep)
      .flatMap((one) => Object.entries(one).flatMap(([key, member]) => childrenOf(key, member)));
    if (inside.length === 0 || name === 'nested_loop') return inside;
    return [{ title: titleOf(name, {}), facts: [], warnings: [], children: inside }];
  }
  if (!isStep(value)) return [];
  if (name === 'materialization') return Object.entries(value).flatMap(([key, one]) => childrenOf(key, one));
  return [nodeOf(name, value)];
}

function accessOf({ access_type: access, rows }: Step): PlanNode['facts'] {
  return [
    ...(typeof access === 'string' ? [{ name: 'access', value: accessText(access) }] : []),
    ...(typeof rows === 'number' ? [{ name: 'rows', value: `about ${count(rows)}` }] : []),
  ];
}

function accessText(access: string): string {
  const plain = access.replace(/^hash_/, '');
  const text = ACCESS[plain] ?? plain;
  return plain === access ? text : `${text}, joined by hash`;
}

function factsOf(step: Step): PlanNode['facts'] {
  return Object.entries(step).flatMap(([name, value]) => {
    if (UNTOLD.has(name)) return [];
    const isList = Array.isArray(value) && value.length > 0 && value.every((one) => typeof one !== 'object');
    if (!isList && typeof value === 'object') return [];
    return [
      { name: NAMES[name] ?? name.replaceAll('_', ' '), value: isList ? value.join(', ') : String(value) },
    ];
  });
}

function warningsOf(step: Step): readonly string[] {
  const {
    access_type: access,
    table_name: name,
    rows,
    possible_keys: keys,
    attached_condition: condition,
  } = step;
  const plain = String(access).replace(/^hash_/, '');
  // A table that the server has made itself, `<derived2>`, has no index of ours.
  if ((plain !== 'ALL' && plain !== 'index') || String(name).startsWith('<')) return [];
  const many = typeof rows === 'number' ? `about ${count(rows)} rows` : 'all rows';
  const what =
    plain === 'ALL'
      ? `Full scan: ${many} of ${name} are read.`
      : `The whole index of ${name} is read, ${many}.`;
  const why =
    plain === 'ALL' && condition !== undefined && keys === undefined ? ' No index fits the condition.' : '';
  const small =
    typeof rows === 'number' && rows < SMALL_ROWS ? ' For a table of this size that is fine.' : '';
  return [`${what}${why}${small}`];
}

const isStep = (value: unknown): value is Step =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
