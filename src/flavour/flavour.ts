import type { Chain } from '../model/chain.js';
import type { Position } from '../model/position.js';
import type { ServerErr } from '../mysql-protocol/packets.js';
import type { AccountsSql } from './accounts.js';
import type { DefinitionsSql } from './definitions-sql.js';
import type { ServerErrors } from './server-errors.js';
import type { ServerProgram } from './server-program.js';
import type { ServerSql } from './server-sql.js';
import type { SourceSide } from './source-side.js';

/** What differs between MariaDB and MySQL. One is complete: the folder mariadb. Of the other there is the log. */
export interface Flavour extends LogFlavour {
  readonly name: 'mariadb' | 'mysql';
  /** How the server's program is run. */
  readonly program: ServerProgram;
  /** What is said to the server in SQL. */
  readonly sql: ServerSql;
  /** What is said to it about accounts. */
  readonly accounts: AccountsSql;
  /** What is said to it about its definitions. */
  readonly definitions: DefinitionsSql;
  /** What the server's errors mean. */
  readonly errors: ServerErrors;
}

/** The binary log and the replication protocol, as far as the data rooms need them. */
export interface LogFlavour {
  /** How the endpoint acts as the source of a server. */
  readonly sourceSide: SourceSide;
  gtidText(binary: Uint8Array): string;
  gtidBinary(text: string): Buffer;
  /** A parser of one stream: finds the place of each event in its transaction group. */
  grammar(): GroupGrammar;
  /** The commands with which a replication client asks for a dump that begins after `options.after`. */
  dumpConversation(options: DumpOptions): DumpConversation;
  /**
   * What an error that ended a dump says of its place: `purged`, the log begins after it; `absent`, it is not in the log, which
   * may have been purged or may be another one. Null: nothing.
   */
  dumpRefusal(error: ServerErr): DumpRefusal | null;
  /**
   * The form of a group that a replica may not execute in parallel with others; null: unchanged. `isWhole`: false for a first
   * piece.
   */
  forReplica(group: Buffer, isWhole: boolean): ReplicaGroup | null;
  /** Whether a group may change definitions, empty a table, or create one with rows. Its first piece is enough. */
  mayChangeDefinitions(group: Buffer): boolean;
  /** How many transactions of the cluster's history a server at this position has. `position`: as the server reports it. */
  countOf(position: string): number;
  /** The GTID of the transaction at this place of the history. `ordinal` is at least 1. */
  gtidAt(chain: Chain, ordinal: number): string;
  /** Whether the transaction at this place has this GTID, given in binary form. `ordinal` is at least 1. */
  isAt(gtid: Buffer, chain: Chain, ordinal: number): boolean;
  /** What a server reports whose last transaction is the one with this GTID, at this place; '' and 0 = none. */
  reported(gtid: string, chain: Chain, ordinal: number): string;
  /** The place at which a transaction of the history has this GTID; null: the history has no place for it. */
  ordinalOf(gtid: string, chain: Chain): number | null;
  /** The server id that transactions of an epoch carry. */
  epochServerId(epoch: number): number;
  /** With this id a replica's server starts, so what its recovery writes into its log is known. */
  readonly recoveryServerId: number;
  /**
   * The GTID after which a file of a binary log begins, from the event behind the file's format; '' = it is the first of all.
   * Null: the event does not tell.
   */
  logFileBegin(event: Buffer): string | null;
  /** The same from the first bytes of a file. Null also when it is encrypted, or they are too few. */
  beginOfHead(head: Buffer): string | null;
  /** Whether events of this type say that what follows in a file is encrypted. */
  isEncryption(type: number): boolean;
  /** The statement that an event holds; an empty text when it cannot be read here. Null: it holds none. */
  statementOf(event: Buffer, hasChecksum: boolean): LoggedStatement | null;
  /** Whether a dump leaves events of this type out, unless its client asks for them (`DumpOptions.annotated`). */
  isAnnotation(type: number): boolean;
  /** A parser of one stream: takes the events of whole groups, and finds what they do to XA branches. */
  xaMarks(): (event: Buffer) => XaMark | null;
}

export interface LoggedStatement {
  readonly sql: string;
  /** In which it was executed; '' = none. */
  readonly database: string;
}

/** What a group does to an XA branch; `branch` is its name in SQL: `X'<gtrid>',X'<bqual>',<format>`. */
export interface XaMark {
  readonly does: 'prepare' | 'commit' | 'rollback';
  readonly branch: string;
}

export interface ReplicaGroup {
  /** The group in the form for a replica. */
  readonly group: Buffer;
  /** For DDL, the statement's text; empty when it cannot be read here. Null: not DDL. */
  readonly ddl: string | null;
}

export interface DumpOptions {
  /** Our id as a replication client; every dump connection of a server needs its own. */
  serverId: number;
  /** The last group that the client has; ORIGIN for the whole history. */
  after: Position;
  /** Of the history to which it belongs. */
  chain: Chain;
  semiSync: boolean;
  heartbeatMs: number;
  /** Whether to send the texts of the statements that changed rows, where the server can leave them out. */
  annotated?: boolean;
}

export type DumpRefusal = 'purged' | 'absent';

export interface DumpConversation {
  /** Sent as COM_QUERY one after the other; an error of any of them ends the attempt. */
  queries: string[];
  /** Whole command payloads, answered by OK each, except the last, which starts the stream. */
  commands: Buffer[];
}

/** `begin`, `inside`, `end`: in a group. `whole`: a group of one event. The others stand between groups. */
export type EventPlace = 'begin' | 'inside' | 'end' | 'format' | 'rotate' | 'skip';

export interface GroupGrammar {
  /**
   * `event` is whole unless it is too large to be held (then its first bytes; such an event never begins a group).
   * @throws SkeinError UNKNOWN_EVENT, UNEXPECTED_EVENT
   */
  place(event: Buffer): EventPlace;
  /** The GTID of a `begin` event, in binary form. */
  gtidOf(event: Buffer): Buffer;
}
