/**
 * Statements with which a client of MariaDB 10.11 could break the cluster's promise, and what prevents each. Each entry was
 * tried on real servers. `docs/promise.md` has a section with the same title, and `test` is its test.
 *
 * - `server`: an option of the server refuses it, or makes it harmless.
 * - `grant`: it needs a privilege that no client has.
 * - `port`: the read-write MySQL port, or the HTTP API, refuses it.
 * - `replica`: the replicas' servers get the statement in a form that they can execute.
 * - `found`: the primary detects it after the statement, and repairs or reports it (event `schema.warning`, status, metric).
 * - `not held`: it does harm, and is only documented.
 */
export type Hold = 'server' | 'grant' | 'port' | 'replica' | 'found' | 'not held';

export interface PromiseRule {
  /** As in docs/promise.md. */
  readonly title: string;
  readonly danger: string;
  readonly heldBy: readonly Hold[];
  /** Where, in the code. */
  readonly place: string;
  /** File and name; null = nothing is held, so nothing can be tried. */
  readonly test: { readonly file: string; readonly name: string } | null;
}

const PROMISE_TEST = 'test/full/promise.test.ts';
const KEY_TEST = 'a table without a usable key is told of once, and in the status until it has one';

export const PROMISE_RULES: readonly PromiseRule[] = [
  {
    title: 'Tables of another engine',
    danger:
      'MyISAM, Aria, MEMORY and CSV lose acknowledged rows in a crash, and show rows before the quorum has them.',
    heldBy: ['server', 'found'],
    place:
      '--enforce-storage-engine in flavour/mariadb/server-args.ts; roles/primary/schema-guard.ts converts what gets past it',
    test: {
      file: PROMISE_TEST,
      name: 'whatever way an engine is named, no table of another one than InnoDB stays',
    },
  },
  {
    title: 'Statements that only a lenient session can execute',
    danger: 'A replica would stop at a table whose options or row size it refuses (1005, 1118).',
    heldBy: ['server'],
    place: 'flavour/mariadb/role-settings.ts',
    test: {
      file: PROMISE_TEST,
      name: 'replicas take what a client without innodb_strict_mode made; clients have it unless they switch it off',
    },
  },
  {
    title: 'RENAME TABLE of a temporary table',
    danger:
      'It is logged as if it were of an ordinary table: a replica would stop (1146), or rename a table of the same name.',
    heldBy: ['replica'],
    place: 'flavour/mariadb/ddl-for-replicas.ts',
    test: {
      file: PROMISE_TEST,
      name: 'a RENAME of temporary tables does not stop the replicas, whatever it stands beside',
    },
  },
  {
    title: 'CREATE TABLE under sql_mode MYSQL323 or MYSQL40',
    danger: 'The server logs text that it cannot read itself (1064), without character sets.',
    heldBy: ['replica'],
    place: 'flavour/mariadb/ddl-for-replicas.ts',
    test: { file: PROMISE_TEST, name: 'CREATE TABLE ... SELECT under sql_mode %s reaches the replicas' },
  },
  {
    title: 'Tables without a primary key',
    danger:
      'A replica reads the whole table for each row of an UPDATE or DELETE; with a spatial key only, it stops (1032).',
    heldBy: ['server', 'found'],
    place: 'requirePrimaryKey in config/node-config.ts; roles/primary/schema-guard.ts',
    test: { file: PROMISE_TEST, name: KEY_TEST },
  },
  {
    title: 'The order of rows without a key',
    danger:
      'ALTER TABLE computes AUTO_INCREMENT values, and which of equal rows to keep, from the order in which rows were inserted.',
    heldBy: ['replica', 'found'],
    place: 'forReplica in flavour/mariadb/mariadb.ts, flavour/mariadb/table-map.ts; promise/ddl-risk.ts',
    test: {
      file: 'test/full/row-order.test.ts',
      name: 'ids that an ALTER gives to the rows of a keyless table are the same on every node',
    },
  },
  {
    title: 'Values that each node computes for itself',
    danger:
      'ALTER TABLE fills existing rows on each node: UUID(), RAND() and the like differ; NEXTVAL stops the replicas (1950).',
    heldBy: ['found'],
    place: 'promise/ddl-risk.ts',
    test: { file: PROMISE_TEST, name: 'what each node computes for itself is told of' },
  },
  {
    title: 'An index over a division',
    danger:
      'The value of a virtual column follows div_precision_increment of the session: the index is corrupted (1034).',
    heldBy: ['found'],
    place: 'promise/ddl-risk.ts',
    test: { file: 'src/promise/ddl-risk.test.ts', name: 'an index over a division' },
  },
  {
    title: 'Words whose meaning is not in the log',
    danger:
      'utf8 under another old_mode, or a character set that the logged text leaves out: replicas make another table.',
    heldBy: ['found'],
    place: 'promise/charset-risk.ts',
    test: { file: PROMISE_TEST, name: 'a character set that is not in the log is told of before rows come' },
  },
  {
    title: 'Named time zones',
    danger:
      "The session's zone is logged with DDL: a replica without it would stop (1298), one with other rules for it differs.",
    heldBy: ['server', 'found'],
    place: 'mysql-control/time-zones.ts loads them; roles/time-zones.ts compares them',
    test: {
      file: 'test/full/time-zones.test.ts',
      name: 'DDL and rows of a session with a named zone are the same on all nodes',
    },
  },
  {
    title: 'A temporary table that hides a real one',
    danger: 'RENAME TABLE of the temporary one renames the real one on the replicas, without an error.',
    heldBy: ['found'],
    place: 'roles/primary/schema-guard.ts',
    test: { file: PROMISE_TEST, name: 'a real table that a renamed temporary one hides gets its name back' },
  },
  {
    title: 'NEXTVAL as a default, written by a trigger or a function',
    danger: "The sequence's own change is not logged: after a promotion numbers come twice.",
    heldBy: ['not held'],
    place: '',
    test: null,
  },
  {
    title: 'A CREATE TABLE ... SELECT that fails after it has written',
    danger: 'What a function that it calls has written stays on the primary and is in no log.',
    heldBy: ['not held'],
    place: '',
    test: null,
  },
  {
    title: 'Changing or leaving the log',
    danger:
      'sql_log_bin, binlog_format, gtid_seq_no, server_id and the like take writes out of the replicated history.',
    heldBy: ['grant'],
    place: 'flavour/mariadb/accounts.ts',
    test: { file: PROMISE_TEST, name: 'no client can leave the log or change its place in it' },
  },
  {
    title: 'skip_replication',
    danger: 'Any session may mark its changes as not to be replicated.',
    heldBy: ['server'],
    place: '--replicate-events-marked-for-skip in flavour/mariadb/server-args.ts',
    test: { file: PROMISE_TEST, name: 'changes that a client marks to be skipped are replicated' },
  },
  {
    title: 'KILL of a commit that waits',
    danger: 'MariaDB answers OK to a commit whose session is killed while it waits for its quorum.',
    heldBy: ['port', 'found'],
    place:
      'mysql-port/kill-text.ts, sql/own-statements.ts; roles/primary/primary-checks.ts counts what got past them',
    test: {
      file: 'test/full/attack-mysql-port.test.ts',
      name: 'is refused however it is written, and the commit goes on waiting',
    },
  },
  {
    title: 'Passwords of the accounts that all share',
    danger: 'Any account may change its own password, on the primary, and that reaches all nodes.',
    heldBy: ['port', 'found'],
    place: 'sql/own-statements.ts; flavour/mariadb/account-logins.ts puts them right at each heartbeat',
    test: { file: 'test/full/attack-sessions.test.ts', name: '%s gets it back on every node within seconds' },
  },
  {
    title: 'XA transactions',
    danger:
      'A prepared branch outlives its session. Over HTTP it poisons a session of the pool; on replicas it holds locks that others may wait for.',
    heldBy: ['port', 'replica', 'found'],
    place: 'sql/own-statements.ts; forReplica in flavour/mariadb/mariadb.ts; roles/replica/applier.ts',
    test: {
      file: 'test/full/attack-sessions.test.ts',
      name: 'leaves no branch and no poisoned session where a procedure hides it',
    },
  },
  {
    title: 'What makes a replica stand still',
    danger:
      'A reader that holds a lock, or parallel workers that wait for each other, keep a replica from applying anything.',
    heldBy: ['found'],
    place: 'roles/replica/applier.ts, roles/replica/applier-unblock.ts',
    test: {
      file: 'test/full/applier-faults.test.ts',
      name: 'parallel workers that wait for each other on a history table go on',
    },
  },
];
