import { expect, it } from 'vitest';
import { type PlanNode, planOf } from './plan.js';

/** Of MariaDB 10.11: a join of two tables, sorted, with a subquery. */
const JOIN = {
  query_block: {
    select_id: 1,
    filesort: {
      sort_key: 'o.amount desc',
      temporary_table: {
        nested_loop: [
          {
            table: {
              table_name: 'o',
              access_type: 'ALL',
              rows: 250_000,
              filtered: 100,
              attached_condition: 'o.amount > 10',
            },
          },
          {
            table: {
              table_name: 'p',
              access_type: 'eq_ref',
              possible_keys: ['PRIMARY'],
              key: 'PRIMARY',
              key_length: '4',
              used_key_parts: ['id'],
              ref: ['shop.o.person'],
              rows: 1,
            },
          },
        ],
      },
    },
    subqueries: [
      { query_block: { select_id: 2, table: { table_name: 'small', access_type: 'ALL', rows: 3 } } },
    ],
  },
};

const outline = ({ title, children }: PlanNode): unknown[] => [title, ...children.map(outline)];
const all = (node: PlanNode): PlanNode[] => [node, ...node.children.flatMap(all)];

it('a plan is a tree of tables', () => {
  const plan = planOf(JSON.stringify(JOIN));
  expect(plan && outline(plan)).toEqual([
    'Query 1',
    ['Sorts', ['Through a temporary table', ['o'], ['p']]],
    ['Subqueries', ['Query 2', ['small']]],
  ]);
  const person = plan && all(plan).find(({ title }) => title === 'p');
  expect(person?.facts).toEqual([
    { name: 'access', value: 'one row by a unique key, for each row before' },
    { name: 'rows', value: 'about 1' },
    { name: 'key', value: 'PRIMARY' },
    { name: 'parts of the key', value: 'id' },
    { name: 'ref', value: 'shop.o.person' },
  ]);
  expect(person?.warnings).toEqual([]);
});

it('steps that say nothing themselves are left out', () => {
  const inner = { unique: 1, materialization: { query_block: { select_id: 2 } } };
  const plan = planOf({ query_block: { table: { table_name: '<subquery2>', materialized: inner } } });
  expect(plan && outline(plan)).toEqual(['Query', ['<subquery2>', ['Materialised first', ['Query 2']]]]);
});

it('a full scan is said in words', () => {
  const plan = planOf(JOIN);
  expect(plan && all(plan).flatMap(({ warnings }) => warnings)).toEqual([
    'Full scan: about 250,000 rows of o are read. No index fits the condition.',
    'Full scan: about 3 rows of small are read. For a table of this size that is fine.',
  ]);
});

it('what nobody has foreseen is a part of the tree too', () => {
  const plan = planOf({
    query_block: { new_kind_of_step: { table: { table_name: 't', access_type: 'magic' } } },
  });
  expect(plan && outline(plan)).toEqual(['Query', ['New kind of step', ['t']]]);
  expect(plan && all(plan).at(-1)?.facts).toEqual([{ name: 'access', value: 'magic' }]);
});

it('something else is no plan', () => {
  for (const value of ['not JSON', '[]', { plan: 1 }, null, 7]) expect(planOf(value)).toBeNull();
});
