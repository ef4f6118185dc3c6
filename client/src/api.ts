// Made from the server's endpoint definitions by `npm run client-api`. Not edited by hand.

export type SqlRequest = {
  /** One statement; ? or :name stands for a parameter. */
  sql?: string;
  /** An array for ?, or an object for :name. JSON values, or {"$type":"blob|bigint|decimal|datetime|json","value":...}. Bound by the server, never put into the text. */
  params?: unknown[] | Record<string, unknown>;
  /** Several statements in one session. */
  statements?: (string | {
    /** One statement; ? or :name stands for a parameter. */
    sql: string;
    /** An array for ?, or an object for :name. JSON values, or {"$type":"blob|bigint|decimal|datetime|json","value":...}. Bound by the server, never put into the text. */
    params?: unknown[] | Record<string, unknown>;
  })[];
  /** All statements or none of them. Without it each statement stands alone. */
  transaction?: boolean;
  /** Default database. */
  database?: string;
  /** Time for the whole request. A write that is not confirmed by then is answered as unknown. */
  timeoutMs?: number;
  /** A replica forwards to the primary what it cannot serve itself: writes, reads of level primary and linearizable, and bounded reads while it is too far behind. */
  forward?: boolean;
  rows?: 'array' | 'object';
  /** number: an error for values that a JSON number cannot carry exactly. */
  bigint?: 'string' | 'number';
  read?: {
    /** local: what this node has. bounded: at most `maxLagMs` old, else 412. session: the node first applies everything up to `after`. primary: on the primary only (421 elsewhere). linearizable: on the primary, after a quorum has confirmed that it still is. */
    level?: 'local' | 'bounded' | 'session' | 'primary' | 'linearizable';
    /** The position of an earlier answer. */
    after?: string;
    /** Goes with "bounded". */
    maxLagMs?: number;
  };
  write?: {
    /** More than the cluster's level, never less. */
    acknowledge?: 'majority' | 'all';
  };
  /** An open transaction (POST /v1/tx) in which the statements run. */
  tx?: string;
};

export type SqlAnswer = {
  results: SqlResult[];
  /** Position of the answer. Send it as X-Skein-Position or read.after to read your own write. */
  position: string;
  node: string;
  role: 'primary' | 'replica';
  epoch: number;
  lagMs: number | null;
  /** Replicas that have the write on disk. */
  acknowledgedBy: string[];
  durationMs: number;
};

export type SqlResult = {
  /** Index of its statement, with "statements". */
  statement?: number;
  columns: Column[];
  /** Arrays, or objects with "rows": "object". */
  rows: unknown[];
  rowCount: number;
  affectedRows: number;
  insertId: string | null;
  warnings: number;
  durationMs: number;
};

export type Column = {
  name: string;
  type: 'tinyint' | 'smallint' | 'mediumint' | 'int' | 'bigint' | 'float' | 'double' | 'decimal' | 'bit' | 'year' | 'date' | 'time' | 'datetime' | 'timestamp' | 'char' | 'varchar' | 'text' | 'binary' | 'varbinary' | 'blob' | 'enum' | 'set' | 'json' | 'geometry' | 'uuid' | 'inet4' | 'inet6' | 'null';
  nullable: boolean;
};

export type SqlLine = {
  type: 'columns';
  /** Index of its statement, with "statements". */
  statement?: number;
  columns: Column[];
} | {
  type: 'row';
  row: unknown;
} | {
  type: 'end';
  results: StreamedResult[];
  /** Position of the answer. Send it as X-Skein-Position or read.after to read your own write. */
  position: string;
  node: string;
  role: 'primary' | 'replica';
  epoch: number;
  lagMs: number | null;
  /** Replicas that have the write on disk. */
  acknowledgedBy: string[];
  durationMs: number;
} | {
  type: 'error';
  error: ErrorDetails;
  results?: StreamedResult[];
};

export type StreamedResult = {
  /** Index of its statement, with "statements". */
  statement?: number;
  rowCount: number;
  affectedRows: number;
  insertId: string | null;
  warnings: number;
  durationMs: number;
};

export type ErrorDetails = {
  /** For programs: one of the codes that the endpoint names. */
  code: string;
  /** The server's own number. */
  errno?: number;
  sqlState?: string;
  /** For people. */
  message: string;
  /** Index of the statement that failed. */
  statement?: number;
  /** The same request may succeed later, or elsewhere. */
  retryable: boolean;
  /** Whether what was asked has happened, whatever the status says. */
  applied: 'no' | 'yes' | 'partial' | 'unknown';
  /** Address of the primary's HTTP. */
  primary?: string | null;
  requestId: string;
};

export type OpenedTransaction = {
  id: string;
  readOnly: boolean;
  idleMs: number;
  /** ISO time in UTC. */
  expiresAt: string;
  position: string;
  node: string;
  role: 'primary' | 'replica';
  epoch: number;
};

export type CommittedTransaction = {
  id: string;
  state: 'committed';
  position: string;
  acknowledgedBy: string[];
  node: string;
  role: 'primary' | 'replica';
  epoch: number;
};

export type RolledBackTransaction = {
  id: string;
  state: 'rolled back';
  node: string;
  role: 'primary' | 'replica';
  epoch: number;
};

export type Outcome = {
  key: string;
  /** yes: a quorum has it. no: it neither exists nor is in progress. unknown: it is in progress; ask again. */
  applied: 'yes' | 'no' | 'unknown';
  /** ISO time in UTC. */
  recordedAt: string | null;
  position: string;
  node: string;
  role: 'primary' | 'replica';
  epoch: number;
};

export type Schema = {
  databases: Database[];
  /** false: there are more tables than one answer lists. */
  complete: boolean;
  position: string;
  node: string;
};

export type Database = {
  name: string;
  charset: string;
  collation: string;
  tables: TableSummary[];
};

export type TableSummary = {
  name: string;
  kind: 'table' | 'view' | 'sequence';
  engine: string | null;
  /** The server's estimate. */
  rows: number | null;
  dataBytes: number | null;
  indexBytes: number | null;
  comment: string;
};

export type Table = {
  database: string;
  name: string;
  kind: 'table' | 'view' | 'sequence';
  engine: string | null;
  /** The server's estimate. */
  rows: number | null;
  dataBytes: number | null;
  indexBytes: number | null;
  comment: string;
  columns: TableColumn[];
  primaryKey: string[] | null;
  indexes: TableIndex[];
  foreignKeys: ForeignKey[];
  ddl: string;
  position: string;
  node: string;
};

export type TableColumn = {
  name: string;
  /** As the server writes it: `bigint(20) unsigned`. */
  type: string;
  nullable: boolean;
  /** An SQL expression; null = none. */
  default: string | null;
  /** An SQL expression; null = stored as given. */
  generated: string | null;
  autoIncrement: boolean;
  charset: string | null;
  collation: string | null;
  comment: string;
};

export type TableIndex = {
  name: string;
  unique: boolean;
  /** BTREE, HASH, FULLTEXT, SPATIAL ... */
  kind: string;
  columns: ({
    name: string;
    /** Length of the indexed prefix; null = the whole column. */
    prefix: number | null;
    descending: boolean;
  })[];
};

export type ForeignKey = {
  name: string;
  columns: string[];
  references: {
    database: string;
    table: string;
    columns: string[];
  };
  onUpdate: string;
  onDelete: string;
};

export type RowsPage = {
  database: string;
  table: string;
  /** The columns that give the order. */
  key: string[];
  columns: Column[];
  rows: unknown[];
  /** null = this was the last page. */
  next: string | null;
  position: string;
  node: string;
};

export type ClusterStatus = {
  cluster: string;
  epoch: number;
  primary: string | null;
  acknowledge: 'majority' | 'all' | 'async';
  quorum: {
    needed: number;
    attached: number;
    voters: number;
  };
  /** The change that is in force and not yet on a majority of the old and of the new list. */
  change: {
    kind: 'add' | 'promote' | 'remove' | 'address' | 'reset';
    member: string;
    since: string;
    /** In plain words. */
    waitsFor: string;
  } | null;
  members: Member[];
  /** What would happen if the primary were lost now. Without a primary: what this node waits for. */
  failover?: Failover | null;
  /** Problems in the schema that endanger the cluster's promise, and members that are about to lose their place in the binary log; empty if there are none. */
  warnings: string[];
};

export type Member = {
  name: string;
  role: 'primary' | 'replica' | 'witness';
  /** It has no database server: it keeps the log and votes. */
  witness?: boolean;
  state: 'joining' | 'live' | 'stopped' | 'stalled' | 'late' | 'gone';
  voter: boolean;
  epoch: number;
  http: string;
  link: string;
  mysqlRw: string | null;
  mysqlRo: string | null;
  mysqlConnections: {
    readWrite: number;
    readOnly: number;
  } | null;
  pid: number | null;
  server: {
    flavour: string | null;
    version: string | null;
    pid: number | null;
    up: boolean;
  };
  positions: {
    received: number;
    durable: number;
    committed: number;
    applied: number;
  };
  lagMs: number | null;
  lastHeartbeatMs: number | null;
  since: string;
  /** The binary log of the member's server, as last reported. */
  log?: BinaryLog | null;
  /** How far the replica is while its server is filled from another node. */
  seeding?: Seeding | null;
  /** How busy the node was in the last second. */
  load?: Load | null;
  /** It keeps no lead, and no other node is filled from it. */
  maintenance?: boolean;
  reason: string | null;
};

export type BinaryLog = {
  files: number;
  bytes: number;
  /** Ordinal of the first transaction that it can give to another node. */
  begin: number;
  oldestAt: string | null;
  diskFreeBytes: number | null;
};

export type Seeding = {
  phase: 'idle' | 'choosing' | 'transferring' | 'preparing' | 'waiting' | 'placing' | 'positioning' | 'catching-up' | 'backing-off';
  cause: 'operator' | 'data-missing' | 'behind-log' | 'errant-transaction' | 'diverged' | 'former-primary' | 'apply-error' | 'server-start' | 'page-damage' | 'tables-unreadable';
  donor: string | null;
  attempt: number;
  /** Bytes of the snapshot that have arrived, as sent. */
  bytes: number;
  bytesTotal: number | null;
  bytesPerSecond: number;
  remainingMs: number | null;
  since: string;
  reason: string;
};

export type Load = {
  /** Of one core: the node and its server. */
  cpuPercent: number;
  spoolBytes: number;
  commitWaitMs: number | null;
};

export type Failover = {
  elected: string | null;
  /** About, when the process of the primary ends. */
  afterDeathMs: number;
  /** About, when the primary only falls silent. */
  afterSilenceMs: number;
  /** What stands against it, in whole sentences. */
  against: string[];
  /** The last failover that the primary knows of. */
  last: LastFailover | null;
};

export type LastFailover = {
  epoch: number;
  primary: string;
  primaryBefore: string | null;
  detectedHow: string;
  /** When the new primary was open for clients. */
  servedAt: string;
  pauseMs: number | null;
  reason: string;
};

export type History = {
  stepMs: number;
  /** Time of the last step; null = there is none yet. */
  endsAt: string | null;
  members: ({
    name: string;
    /** A value for each step, the oldest first; null = not known. `committed` and `applied` are numbers of transactions since the beginning of the cluster. */
    series: {
      committed: (number | null)[];
      applied: (number | null)[];
      lagMs: (number | null)[];
      commitWaitMs: (number | null)[];
      spoolBytes: (number | null)[];
      cpuPercent: (number | null)[];
    };
  })[];
};

export type RunningStatements = {
  node: string;
  statements: ({
    /** Of the statement. */
    id: number;
    /** Of its session, as CONNECTION_ID() gives it. */
    session: number;
    /** Statements of tokens have `skein_read`, `skein_write` or `skein_admin`. */
    account: string;
    database: string | null;
    ms: number;
    /** What the server does for it, in its words. */
    state: string;
    /** It waits for its quorum, so it cannot be ended. */
    isCommitting: boolean;
    /** Its first 1000 characters. */
    statement: string;
  })[];
};

export type EndedStatement = {
  node: string;
  id: number;
};

export type MemberList = {
  cluster: string;
  /** Random id, made when the cluster was founded. */
  clusterId: string;
  epoch: number;
  /** Number of the list, within its epoch. */
  number: number;
  primary: string | null;
  members: ListedMember[];
  /** The change that is in force and not yet on a majority of the old and of the new list. */
  change: {
    kind: 'add' | 'promote' | 'remove' | 'address' | 'reset';
    member: string;
    since: string;
    /** In plain words. */
    waitsFor: string;
  } | null;
};

export type ListedMember = {
  name: string;
  link: {
    host: string;
    port: number;
  };
  /** Base address of its HTTP. */
  http: string;
  mysqlRw: string | null;
  mysqlRo: string | null;
  /** It has no database server: it keeps the log and votes. */
  witness?: boolean;
  /** Identifies the disk of the member; '' until it is a voter. */
  incarnation: string;
  /** Whether it counts in the quorum; if not, it is a learner. */
  voter: boolean;
};

export type TokenList = {
  tokens: Token[];
};

export type Token = {
  id: string;
  name: string;
  role: 'read' | 'write' | 'admin';
  createdAt: string;
  /** ISO time in UTC; null = never. */
  expiresAt: string | null;
  /** Requests per second on each node, above which the answer is 429; null = no limit. */
  rateLimit: number | null;
  /** ISO time of the last request with it on the node that answers; null = none known. */
  lastUsedAt: string | null;
};

export type NewToken = {
  id: string;
  name: string;
  role: 'read' | 'write' | 'admin';
  createdAt: string;
  /** ISO time in UTC; null = never. */
  expiresAt: string | null;
  /** Requests per second on each node, above which the answer is 429; null = no limit. */
  rateLimit: number | null;
  /** ISO time of the last request with it on the node that answers; null = none known. */
  lastUsedAt: string | null;
  token: string;
};

export type RotatedToken = {
  id: string;
  token: string;
  previousUntil: string | null;
};

export type RevokedToken = {
  id: string;
};

export type JoinTokenList = {
  joinTokens: JoinToken[];
};

export type JoinToken = {
  id: string;
  /** ISO time in UTC. */
  createdAt: string;
  /** ISO time in UTC. */
  expiresAt: string;
  usedAt: string | null;
  /** Name of the member that used it. */
  usedBy: string | null;
  state: 'open' | 'used' | 'expired';
};

export type NewJoinToken = {
  id: string;
  /** ISO time in UTC. */
  createdAt: string;
  /** ISO time in UTC. */
  expiresAt: string;
  usedAt: string | null;
  /** Name of the member that used it. */
  usedBy: string | null;
  state: 'open' | 'used' | 'expired';
  token: string;
  /** Base address of the HTTP of this node, for the joining machine. */
  address: string;
};

export type RevokedJoinToken = {
  id: string;
};

export type JoinAnswer = {
  /** 32 bytes as base64url. */
  key: string;
  /** base64url; only the joining machine can decrypt it. */
  sealed: string;
};

export type UserList = {
  users: User[];
};

export type User = {
  name: string;
  role: 'read' | 'write';
  /** The only databases that it sees; null = all. */
  databases: string[] | null;
  createdAt: string;
  /** ISO time of its last new password. */
  passwordAt: string;
};

export type NewUser = {
  name: string;
  role: 'read' | 'write';
  /** The only databases that it sees; null = all. */
  databases: string[] | null;
  createdAt: string;
  /** ISO time of its last new password. */
  passwordAt: string;
  /** In this answer only. */
  password: string;
  /** Replicas that have the change on disk. The node that answers has the account; a replica has it within a second of applying the change. */
  acknowledgedBy: string[];
};

export type RotatedUser = {
  name: string;
  /** In this answer only. */
  password: string;
  /** Replicas that have the change on disk. The node that answers has the account; a replica has it within a second of applying the change. */
  acknowledgedBy: string[];
};

export type DroppedUser = {
  name: string;
  /** Replicas that have the change on disk. The node that answers has the account; a replica has it within a second of applying the change. */
  acknowledgedBy: string[];
};

export type VerifyDocument = {
  running: VerifyRound | null;
  last: VerifyRound | null;
  /** End of the last round over all tables that did not end early. */
  lastCompleteAt: string | null;
  /** The last comparison of each table. */
  tables: VerifyTable[];
};

export type VerifyRound = {
  startedAt: string;
  finishedAt: string | null;
  /** `schema.table`; null = all tables. */
  only: string | null;
  repair: boolean;
  /** Begun by the interval of the configuration. */
  background: boolean;
  tablesDone: number;
  tables: number;
  differing: string[];
  skipped: string[];
  /** Chunks that differed once, and not at a later position. */
  unconfirmed: number;
  rows: number;
  chunks: number;
  /** How often the nodes agreed on a position. */
  positions: number;
  /** The longest time for which a replica's server was given nothing new. */
  heldMsMax: number;
  /** Why it ended early. */
  ended: string | null;
};

export type VerifyTable = {
  table: string;
  verdict: 'equal' | 'differs' | 'repaired' | 'skipped';
  startedAt: string;
  finishedAt: string;
  /** Position of the first chunk. */
  from: string;
  /** Position of the last chunk. */
  to: string;
  rows: number;
  chunks: number;
  /** Compared with the primary, all of the table. */
  nodes: string[];
  /** What differs beside rows, or why the table or a node was not compared. */
  reason: string | null;
  differences: VerifyDifference[];
  /** Differences beyond those that are listed. */
  more: number;
};

export type VerifyDifference = {
  /** Columns of the key; empty when the table has none and is compared as a whole. */
  key: string[];
  /** The rows behind this key; null = from the first row. */
  after: string[] | null;
  /** Up to this key, itself included; null = to the last row. */
  upTo: string[] | null;
  /** Rows on the primary. */
  rows: number;
  /** Each node that differs from the primary, with its number of rows. */
  nodes: {
    node: string;
    rows: number;
  }[];
  /** `repaired`, or why it was not; null = nobody asked for it. */
  repair: string | null;
};

export type Switchover = {
  dryRun: boolean;
  /** The primary before. */
  from: string;
  /** The primary now. With `dryRun`: who would take over; null = nobody can. */
  to: string | null;
  /** The present epoch. */
  epoch: number;
  /** How long no primary took writes, as the primary before saw it; null with `dryRun`. */
  pauseMs: number | null;
  /** With `dryRun`: what stands against each node that would not take over. */
  against: string[];
};

export type SeedOrder = {
  node: string;
  order: 'start' | 'cancel';
};

export type Maintenance = {
  node: string;
  maintenance: boolean;
};

export type Promotion = {
  /** The name of the cluster, for `confirm`. */
  cluster: string;
  /** The node that is, or would be, the primary. */
  node: string;
  /** False without `confirm`: nothing was changed. */
  done: boolean;
  /** The epoch that has begun, or would begin; null = it is refused. */
  epoch: number | null;
  /** Number of the last transaction in the log of the node: the epoch begins after it. */
  after: number;
  /** What is given up, in whole sentences. */
  losses: string[];
  /** Why it is refused now. Empty: it is not. */
  refusals: PromotionRefusal[];
};

export type PromotionRefusal = {
  code: string;
  reason: string;
};

export type OpenApiDocument = {
  openapi: string;
  info: {
    title: string;
    version: string;
    description: string;
  };
  paths: Record<string, unknown>;
  components: Record<string, unknown>;
  security: Record<string, string[]>[];
};

export type Health = {
  status: 'ok';
  node: string;
  cluster: string;
};

export type Readiness = {
  node: string;
  cluster: string;
  role: string;
  state: string;
  lagMs: number | null;
  reason: string | null;
};

/** Codes that a node answers with, besides the server's own (`ER_...`). */
export type NodeErrorCode =
  | 'INVALID_REQUEST'
  | 'INVALID_JSON'
  | 'JSON_TOO_COMPLEX'
  | 'INEXACT_NUMBER'
  | 'INVALID_FIELD'
  | 'UNKNOWN_FIELD'
  | 'INVALID_PARAMETER'
  | 'PARAMETER_COUNT'
  | 'INVALID_POSITION'
  | 'INVALID_CURSOR'
  | 'NO_KEY'
  | 'DUPLICATE_COLUMN'
  | 'UNSAFE_BIGINT'
  | 'SESSION_VARIABLE'
  | 'UNREADABLE_ANSWER'
  | 'RESULT_TOO_LARGE'
  | 'TRANSACTION_ENDED'
  | 'NOT_REPEATABLE'
  | 'OPEN_TRANSACTION'
  | 'UNAUTHORIZED'
  | 'TOKEN_REVOKED'
  | 'JOIN_TOKEN_UNKNOWN'
  | 'JOIN_TOKEN_USED'
  | 'JOIN_TOKEN_EXPIRED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'TRANSACTION_LOST'
  | 'TX_ENDED'
  | 'TX_UNKNOWN'
  | 'VERIFY_RUNNING'
  | 'TX_BUSY'
  | 'JOIN_VERSION'
  | 'SERVER_UNSUITABLE'
  | 'DISK_TOO_SMALL'
  | 'CERTIFICATE_NEEDED'
  | 'ADDRESS_LOCAL'
  | 'JOINER_UNREACHABLE'
  | 'USER_EXISTS'
  | 'USER_IN_USE'
  | 'MEMBER_EXISTS'
  | 'MEMBER_IS_PRIMARY'
  | 'WITNESS_TOO_MANY'
  | 'MEMBERS_FULL'
  | 'IDEMPOTENCY_KEY_IN_USE'
  | 'ALREADY_PRIMARY'
  | 'NO_TARGET'
  | 'TRANSFER_RUNNING'
  | 'SWITCHOVER_FAILED'
  | 'SWITCHOVER_UNFINISHED'
  | 'OTHER_CLUSTER'
  | 'FORCE_NOT_NEEDED'
  | 'FORCE_LOG_SHORTER'
  | 'FORCE_IMPOSSIBLE'
  | 'FORCE_UNFINISHED'
  | 'SEED_OF_PRIMARY'
  | 'SEED_OF_WITNESS'
  | 'NOT_SEEDING'
  | 'SEED_NOT_CANCELLABLE'
  | 'NO_STATEMENT'
  | 'COMMIT_WAITS'
  | 'POSITION_NOT_REACHED'
  | 'LAG_TOO_LARGE'
  | 'BODY_TOO_LARGE'
  | 'UNSUPPORTED_ENCODING'
  | 'OTHER_NODE'
  | 'NOT_PRIMARY'
  | 'WITNESS'
  | 'TX_ELSEWHERE'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'TOO_MANY_TRANSACTIONS'
  | 'TOKEN_BUSY'
  | 'TOO_MANY_FAILURES'
  | 'RATE_LIMITED'
  | 'REQUEST_TOO_SLOW'
  | 'HEADERS_TOO_LARGE'
  | 'INTERNAL'
  | 'BACKUP_FAILED'
  | 'DUMP_FAILED'
  | 'NOT_OPEN'
  | 'NOT_ATTACHED'
  | 'NO_QUORUM'
  | 'SERVER_DOWN'
  | 'NODE_BUSY'
  | 'SERVER_BUSY'
  | 'SERVER_LOGIN'
  | 'PRIMARY_UNREACHABLE'
  | 'CHANGE_PENDING'
  | 'TIMEOUT'
  | 'OUTCOME_UNKNOWN';

/** What each endpoint takes and gives. */
export interface Endpoints {
  /** Runs one statement, or several, with parameters bound by the server. */
  postSql: {
    body: SqlRequest;
    response: SqlAnswer;
    line: SqlLine;
  };
  /** Opens a transaction that goes on over several requests to this node. It ends by itself when idle. */
  postTx: {
    body: {
      /** A consistent snapshot. On a replica, and with a read token, always. */
      readOnly?: boolean;
      isolation?: 'read-uncommitted' | 'read-committed' | 'repeatable-read' | 'serializable';
      database?: string;
      /** The transaction is rolled back after this time without a request. */
      idleMs?: number;
      /** The transaction is rolled back after this time in any case. */
      totalMs?: number;
      read?: {
        /** local: what this node has. bounded: at most `maxLagMs` old, else 412. session: the node first applies everything up to `after`. primary: on the primary only (421 elsewhere). linearizable: on the primary, after a quorum has confirmed that it still is. */
        level?: 'local' | 'bounded' | 'session' | 'primary' | 'linearizable';
        /** The position of an earlier answer. */
        after?: string;
        /** Goes with "bounded". */
        maxLagMs?: number;
      };
      timeoutMs?: number;
    };
    response: OpenedTransaction;
  };
  /** Commits an open transaction; answered when its quorum has it. */
  postTxCommit: {
    params: {
      id: string;
    };
    body: {
      write?: {
        /** More than the cluster's level, never less. */
        acknowledge?: 'majority' | 'all';
      };
      timeoutMs?: number;
    };
    response: CommittedTransaction;
  };
  /** Rolls back an open transaction. */
  postTxRollback: {
    params: {
      id: string;
    };
    body: Record<string, never>;
    response: RolledBackTransaction;
  };
  /** Whether the write with this idempotency key, or the transaction with this id, was applied. Only for keys of the same token; kept for 24 hours. */
  getOutcome: {
    params: {
      key: string;
    };
    response: Outcome;
  };
  /** The databases and their tables that the token may see, as this node has them. */
  getSchema: {
    query: {
      /** Only this one. */
      database?: string;
    };
    response: Schema;
  };
  /** A table or view: columns, keys, indexes, its DDL, and how large it is. */
  getTable: {
    params: {
      database: string;
      table: string;
    };
    response: Table;
  };
  /** Rows in the order of the primary key, or of a unique key without NULL, page by page. Each page begins after the last row of the one before, so it costs the same wherever it is; pages are read one by one, not as one snapshot. */
  getRows: {
    params: {
      database: string;
      table: string;
    };
    query: {
      limit?: number;
      order?: 'asc' | 'desc';
      /** `next` of the page before. */
      next?: string;
      rows?: 'array' | 'object';
    };
    response: RowsPage;
  };
  /** All members with role, state, positions, lag and addresses, as this node knows them. */
  getCluster: {
    response: ClusterStatus;
  };
  /** Server-sent events of every change; Last-Event-ID resumes. */
  getEvents: {
    response: string;
  };
  /** The last hour of all members in steps of a second, as this node saw it. */
  getHistory: {
    query: {
      /** How far back. */
      seconds?: number;
    };
    response: History;
  };
  /** The statements of clients that this node's server executes now, the oldest first; at most 500. */
  getStatements: {
    response: RunningStatements;
  };
  /** Ends a statement of a client on this node's server; its session goes on. One that waits for its quorum cannot be ended. */
  deleteStatement: {
    params: {
      id: string;
    };
    response: EndedStatement;
  };
  /** The list of members as this node knows it: names, addresses, and which members count in the quorum. */
  getMembers: {
    response: MemberList;
  };
  /** Adds a member, as a learner. The primary makes it a voter when it has everything that is committed. */
  postMembers: {
    body: {
      name: string;
      link: {
        host: string;
        port: number;
      };
      /** Base address of its HTTP. */
      http: string;
      mysqlRw: string | null;
      mysqlRo: string | null;
      /** It has no database server: it keeps the log and votes. */
      witness?: boolean;
    };
    response: MemberList;
  };
  /** Removes a member. Its node keeps its data and stops following. */
  deleteMember: {
    params: {
      name: string;
    };
    response: MemberList;
  };
  /** The newest lines of this node's log that match, one JSON object in each line. */
  getLogs: {
    query: {
      /** Maximum number of lines, the newest ones. If they exceed 2 MiB, the older ones are left out and the first line is {"event":"lines.cut"}. */
      tail?: number;
      /** This level and more severe ones. */
      level?: 'debug' | 'info' | 'warn' | 'error';
      /** ISO time in UTC, or the beginning of one. Lines from this time on match. */
      since?: string;
      /** ISO time in UTC, or the beginning of one. Lines before this time match. */
      until?: string;
      /** The part of the node that logged the line: http, link, spool ... */
      part?: string;
      /** Text anywhere in the line; case-insensitive. */
      text?: string;
      /** Keep the answer open, and send lines as they come. */
      follow?: 'true' | 'false';
    };
    response: string;
  };
  /** The newest lines of this node's audit trail that match, one JSON object in each line. */
  getAudit: {
    query: {
      /** Maximum number of lines, the newest ones. If they exceed 2 MiB, the older ones are left out and the first line is {"event":"lines.cut"}. */
      tail?: number;
      /** ISO time in UTC, or the beginning of one. Lines from this time on match. */
      since?: string;
      /** ISO time in UTC, or the beginning of one. Lines before this time match. */
      until?: string;
      /** Text anywhere in the line; case-insensitive. */
      text?: string;
      /** Keep the answer open, and send lines as they come. */
      follow?: 'true' | 'false';
      /** Id of a token. */
      token?: string;
      requestId?: string;
      /** request, event, node ... */
      kind?: string;
      /** ok, or an error's code. */
      outcome?: string;
    };
    response: string;
  };
  /** Numbers for a monitoring system, in the text form of Prometheus. */
  getMetrics: {
    response: string;
  };
  /** A dump of this node's databases as SQL, complete and at one position, which the dump contains. It is complete when its last line begins with "-- Dump completed". */
  getDump: {
    query: {
      /** Only this database, without its name, so that the dump can be loaded into another one. */
      database?: string;
    };
    response: string;
  };
  /** A backup of this node's server, as it lies on the disk, at one position: the bytes of a file for `skein restore`. It is whole when `skein backup verify` says so. One at a time on a node. */
  getBackup: {
    response: string;
  };
  /** All tokens, without their texts. */
  getTokens: {
    response: TokenList;
  };
  /** The token of this very request, without its text: what it is called, and what it may do. */
  getOwnToken: {
    response: Token;
  };
  /** Creates a token. Its text is in this answer only. */
  postTokens: {
    body: {
      name: string;
      role: 'read' | 'write' | 'admin';
      /** ISO time in UTC; null = never. */
      expiresAt?: string | null;
      /** Requests per second on each node, above which the answer is 429; null = no limit. */
      rateLimit?: number | null;
    };
    response: NewToken;
  };
  /** Gives a token a new text, which is in this answer only. The old one can stay valid for a while. */
  rotateToken: {
    params: {
      id: string;
    };
    body: {
      /** How long the old token text stays valid. */
      graceSeconds?: number;
    };
    response: RotatedToken;
  };
  /** Revokes a token on every node, within about a second. */
  deleteToken: {
    params: {
      id: string;
    };
    response: RevokedToken;
  };
  /** Join tokens of the last day, without their secrets. */
  getJoinTokens: {
    response: JoinTokenList;
  };
  /** Makes a token with which one machine may become a member within an hour. Its text is in this answer only. */
  postJoinTokens: {
    body: {
      expiresInSeconds?: number;
    };
    response: NewJoinToken;
  };
  /** Revokes a join token. A member that used it stays. */
  deleteJoinToken: {
    params: {
      id: string;
    };
    response: RevokedJoinToken;
  };
  /** One step of the join exchange (docs/security.md), for `skein join`. The request is authenticated by its proof, not by a bearer token. */
  postJoin: {
    body: {
      protocol: number;
      step: 'check' | 'join';
      /** Id of the join token. */
      token: string;
      /** 32 bytes as base64url. */
      key: string;
      /** JSON that describes the joining machine. */
      details: string;
      /** 32 bytes as base64url. */
      proof: string;
    };
    response: JoinAnswer;
  };
  /** The accounts that applications use on the MySQL ports, without their passwords. */
  getUsers: {
    response: UserList;
  };
  /** Creates an account for the MySQL ports of every node. Its password is in this answer only. */
  postUsers: {
    body: {
      name: string;
      role: 'read' | 'write';
      /** The only databases that it sees, which need not exist yet; null = all. */
      databases?: string[] | null;
    };
    response: NewUser;
  };
  /** Gives an account a new password, which is in this answer only, and ends its sessions. */
  rotateUser: {
    params: {
      name: string;
    };
    body: Record<string, never>;
    response: RotatedUser;
  };
  /** Drops an account on every node, and ends its sessions. */
  deleteUser: {
    params: {
      name: string;
    };
    query: {
      /** Drop it even if views, routines, triggers or events run as this account. */
      force?: 'true' | 'false';
    };
    response: DroppedUser;
  };
  /** What the last comparison of rows between all nodes found, table by table. On the primary. */
  getVerify: {
    response: VerifyDocument;
  };
  /** Begins a comparison of the rows of all nodes at one position, while writes go on. On the primary. */
  postVerify: {
    body: {
      database?: string;
      /** Only this one; needs `database`. */
      table?: string;
      /** Rows that differ on a replica are replaced by the primary's. */
      repair?: boolean;
    };
    response: VerifyRound;
  };
  /** Ends the comparison that runs. */
  deleteVerify: {
    response: {
      /** False: none was running. */
      cancelled: boolean;
    };
  };
  /** Makes another node the primary, in order: writes end, the other node gets everything, and opens. Sent to the primary; answered when the other one is open. */
  postSwitchover: {
    body: {
      /** Absent: the node that suits best. */
      to?: string;
      /** Only tells who would take over. */
      dryRun?: boolean;
    };
    response: Switchover;
  };
  /** Fills the server of a replica from another node. Sent to that replica, or to the primary, which tells it. Its progress is in GET /v1/cluster. */
  reseedNode: {
    params: {
      name: string;
    };
    body: Record<string, never>;
    response: SeedOrder;
  };
  /** Cancels the filling of a replica, until its old data is being replaced. */
  cancelReseed: {
    params: {
      name: string;
    };
    response: SeedOrder;
  };
  /** Begins or ends the maintenance of this node: it hands the lead over and keeps none, and no other node is filled from it. Sent to that node itself. */
  postMaintenance: {
    params: {
      name: string;
    };
    body: {
      on: boolean;
    };
    response: Maintenance;
  };
  /** Makes this node the primary by force, after a majority of the voters was lost for good. What was acknowledged and is not in its log is given up. Without `confirm` it only tells what. Sent to that node itself; answered when it is open. */
  postPromote: {
    params: {
      name: string;
    };
    body: {
      /** There is no other way: a switchover is another request. */
      force: true;
      /** The name of the cluster: do it. Without: only tells what would be given up. */
      confirm?: string;
      /** Also when a member that answers has a longer log. */
      withShorterLog?: boolean;
    };
    response: Promotion;
  };
  /** This API as an OpenAPI 3.1 document. */
  getOpenApi: {
    response: OpenApiDocument;
  };
  /** The node process runs. */
  getHealth: {
    response: Health;
  };
  /** The server is up; a primary has its quorum attached, a replica is live and its lag under the limit. */
  getReady: {
    response: Readiness;
  };
  /** 200 on the open primary, 503 elsewhere. */
  getPrimary: {
    response: Readiness;
  };
  /** 200 on a replica that is ready (and not further behind than maxLagMs), 503 elsewhere. */
  getReplica: {
    query: {
      maxLagMs?: number;
    };
    response: Readiness;
  };
}

export const ENDPOINTS = {
  postSql: { method: 'POST', path: '/v1/sql', produces: 'json', statuses: [200] },
  postTx: { method: 'POST', path: '/v1/tx', produces: 'json', statuses: [201] },
  postTxCommit: { method: 'POST', path: '/v1/tx/:id/commit', produces: 'json', statuses: [200] },
  postTxRollback: { method: 'POST', path: '/v1/tx/:id/rollback', produces: 'json', statuses: [200] },
  getOutcome: { method: 'GET', path: '/v1/outcome/:key', produces: 'json', statuses: [200] },
  getSchema: { method: 'GET', path: '/v1/schema', produces: 'json', statuses: [200] },
  getTable: { method: 'GET', path: '/v1/schema/:database/:table', produces: 'json', statuses: [200] },
  getRows: { method: 'GET', path: '/v1/tables/:database/:table/rows', produces: 'json', statuses: [200] },
  getCluster: { method: 'GET', path: '/v1/cluster', produces: 'json', statuses: [200] },
  getEvents: { method: 'GET', path: '/v1/events', produces: 'event-stream', statuses: [200] },
  getHistory: { method: 'GET', path: '/v1/history', produces: 'json', statuses: [200] },
  getStatements: { method: 'GET', path: '/v1/statements', produces: 'json', statuses: [200] },
  deleteStatement: { method: 'DELETE', path: '/v1/statements/:id', produces: 'json', statuses: [200] },
  getMembers: { method: 'GET', path: '/v1/members', produces: 'json', statuses: [200] },
  postMembers: { method: 'POST', path: '/v1/members', produces: 'json', statuses: [200] },
  deleteMember: { method: 'DELETE', path: '/v1/members/:name', produces: 'json', statuses: [200] },
  getLogs: { method: 'GET', path: '/v1/logs', produces: 'ndjson', statuses: [200] },
  getAudit: { method: 'GET', path: '/v1/audit', produces: 'ndjson', statuses: [200] },
  getMetrics: { method: 'GET', path: '/metrics', produces: 'text', statuses: [200] },
  getDump: { method: 'GET', path: '/v1/dump', produces: 'text', statuses: [200] },
  getBackup: { method: 'GET', path: '/v1/backup', produces: 'binary', statuses: [200] },
  getTokens: { method: 'GET', path: '/v1/tokens', produces: 'json', statuses: [200] },
  getOwnToken: { method: 'GET', path: '/v1/token', produces: 'json', statuses: [200] },
  postTokens: { method: 'POST', path: '/v1/tokens', produces: 'json', statuses: [201] },
  rotateToken: { method: 'POST', path: '/v1/tokens/:id/rotate', produces: 'json', statuses: [200] },
  deleteToken: { method: 'DELETE', path: '/v1/tokens/:id', produces: 'json', statuses: [200] },
  getJoinTokens: { method: 'GET', path: '/v1/join-tokens', produces: 'json', statuses: [200] },
  postJoinTokens: { method: 'POST', path: '/v1/join-tokens', produces: 'json', statuses: [201] },
  deleteJoinToken: { method: 'DELETE', path: '/v1/join-tokens/:id', produces: 'json', statuses: [200] },
  postJoin: { method: 'POST', path: '/v1/join', produces: 'json', statuses: [200] },
  getUsers: { method: 'GET', path: '/v1/users', produces: 'json', statuses: [200] },
  postUsers: { method: 'POST', path: '/v1/users', produces: 'json', statuses: [201] },
  rotateUser: { method: 'POST', path: '/v1/users/:name/rotate', produces: 'json', statuses: [200] },
  deleteUser: { method: 'DELETE', path: '/v1/users/:name', produces: 'json', statuses: [200] },
  getVerify: { method: 'GET', path: '/v1/verify', produces: 'json', statuses: [200] },
  postVerify: { method: 'POST', path: '/v1/verify', produces: 'json', statuses: [202] },
  deleteVerify: { method: 'DELETE', path: '/v1/verify', produces: 'json', statuses: [200] },
  postSwitchover: { method: 'POST', path: '/v1/cluster/switchover', produces: 'json', statuses: [200] },
  reseedNode: { method: 'POST', path: '/v1/nodes/:name/reseed', produces: 'json', statuses: [202] },
  cancelReseed: { method: 'DELETE', path: '/v1/nodes/:name/reseed', produces: 'json', statuses: [202] },
  postMaintenance: { method: 'POST', path: '/v1/nodes/:name/maintenance', produces: 'json', statuses: [200] },
  postPromote: { method: 'POST', path: '/v1/nodes/:name/promote', produces: 'json', statuses: [200] },
  getOpenApi: { method: 'GET', path: '/v1/openapi.json', produces: 'json', statuses: [200] },
  getHealth: { method: 'GET', path: '/health', produces: 'json', statuses: [200] },
  getReady: { method: 'GET', path: '/ready', produces: 'json', statuses: [200, 503] },
  getPrimary: { method: 'GET', path: '/primary', produces: 'json', statuses: [200, 503] },
  getReplica: { method: 'GET', path: '/replica', produces: 'json', statuses: [200, 503] },
} as const;
