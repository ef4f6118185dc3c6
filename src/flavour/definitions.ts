import type { TableName } from '../model/verify.js';

/** What a server has besides rows, so that it can be compared with a server at the same position. */

interface ObjectName {
  readonly schema: string;
  readonly name: string;
}

export interface SchemaDefinition {
  readonly kind: 'schema';
  readonly schema: string;
  readonly characterSet: string;
  readonly collation: string;
}

/** `unknown`: the server did not answer in time. `unreadable` comes with the server's error number. */
export type Content = 'rows' | 'empty' | 'unknown' | `unreadable ${number}`;

export interface Partition {
  readonly name: string;
  /** Text in VALUES LESS THAN (...) or VALUES IN (...); null for HASH and KEY. */
  readonly values: string | null;
  readonly subpartitions: readonly string[];
  readonly content: Content;
}

export interface Partitioning {
  readonly method: string;
  readonly by: readonly unknown[];
  /** PARTITION BY SYSTEM_TIME ... AUTO: the server adds partitions by itself. */
  readonly isAuto: boolean;
}

export interface TableDefinition extends ObjectName {
  readonly kind: 'table';
  /** Equal for two tables that differ in nothing but partitions and rows. */
  readonly shape: unknown;
  readonly partitioning: Partitioning | null;
  readonly partitions: readonly Partition[];
  /** Always `rows` for a partitioned table, whose partitions have this for themselves. */
  readonly content: Content;
  /** Of a sequence: its row, which no transaction takes back. Absent for other tables. */
  readonly sequence?: unknown;
}

/** The row of a system table of which the object consists; each value in hex, as text. */
export interface StoredDefinition extends ObjectName {
  readonly kind: 'routine' | 'event';
  readonly values: Readonly<Record<string, string | null>>;
}

/** Views and triggers. */
export interface OtherDefinition extends ObjectName {
  readonly kind: 'view' | 'trigger';
  readonly text: unknown;
}

export type Definition = SchemaDefinition | TableDefinition | StoredDefinition | OtherDefinition;

export function quoted(...names: readonly string[]): string {
  return names.map((name) => `\`${name.replaceAll('`', '``')}\``).join('.');
}

/** Schema for tables that were set aside; see definition-repair-plan.ts. */
export const SET_ASIDE = { schema: 'skein', prefix: 'set_aside_' } as const;

/** What is looked for after every DDL: tables that endanger the cluster's promise. */
export interface SchemaLook {
  /** The highest number that the engine has given to a table so far. */
  readonly tableIdMax: number;
  /** Tables of an engine other than InnoDB. For a partitioned table, the engine of its partitions counts. */
  readonly foreign: readonly (TableName & { readonly engine: string })[];
  /** Tables without a key by which a replica could find a row. */
  readonly keyless: readonly (TableName & { readonly hasSpatialKey: boolean })[];
  /** Events that were created while this server was a replica, and therefore do not run. */
  readonly asleep: readonly TableName[];
}

export const keyOf = ({ schema, name }: TableName): string => `${schema}\0${name}`;
