/** Every error code that HTTP answers with, what it means, and the body that carries it. Data only. */
import { Type } from '@sinclair/typebox';

interface ErrorMeaning {
  readonly status: readonly number[];
  readonly means: string;
}

export const ERRORS = {
  INVALID_REQUEST: { status: [400, 415], means: 'The request is not valid HTTP.' },
  INVALID_JSON: { status: [400], means: 'The body is not JSON, or a text in it is not Unicode.' },
  JSON_TOO_COMPLEX: { status: [400], means: 'The body is nested too deeply or has too many values.' },
  INEXACT_NUMBER: { status: [400], means: 'A number in the body cannot be represented exactly as a double.' },
  INVALID_FIELD: { status: [400], means: 'A field or query parameter has a value that is not allowed.' },
  UNKNOWN_FIELD: { status: [400], means: 'A field or query parameter is unknown.' },
  INVALID_PARAMETER: { status: [400], means: 'A statement parameter has a value that cannot be bound.' },
  PARAMETER_COUNT: { status: [400], means: 'The request has more or fewer parameters than its statement.' },
  INVALID_POSITION: { status: [400], means: 'The position was not issued by a node.' },
  INVALID_CURSOR: { status: [400], means: '"next" is not from an earlier page of the same request.' },
  NO_KEY: { status: [400], means: 'The table has no key for reading its rows page by page.' },
  DUPLICATE_COLUMN: {
    status: [400],
    means: 'Two columns have the same name, and the rows were asked for as objects.',
  },
  UNSAFE_BIGINT: { status: [400], means: 'A value cannot be represented exactly as a JSON number.' },
  SESSION_VARIABLE: {
    status: [400],
    means:
      'The statement changed a session variable that the node depends on: a character set, completion_type.',
  },
  UNREADABLE_ANSWER: {
    status: [501],
    means: "The server's answer to this statement has a form that HTTP does not offer.",
  },
  RESULT_TOO_LARGE: { status: [400], means: 'The result is larger than one answer may be.' },
  TRANSACTION_ENDED: { status: [400], means: 'A statement ended the transaction of its request.' },
  NOT_REPEATABLE: {
    status: [400],
    means: 'This request cannot have an idempotency key: DDL, a stream, a batch without a transaction.',
  },
  OPEN_TRANSACTION: { status: [400], means: 'The request left a transaction open; it was rolled back.' },
  'ER_*': {
    status: [400, 409, 503, 504],
    means: "The server's own error: 409 for duplicate keys, deadlocks and lock time-outs, else mostly 400.",
  },
  UNAUTHORIZED: { status: [401], means: 'There is no token, or the token is unknown, revoked or expired.' },
  TOKEN_REVOKED: { status: [401], means: 'The token was revoked, rotated or expired while the request ran.' },
  JOIN_TOKEN_UNKNOWN: {
    status: [403],
    means: 'This cluster has not issued the join token, or it was revoked.',
  },
  JOIN_TOKEN_USED: { status: [403], means: 'The join token was used already; each works once.' },
  JOIN_TOKEN_EXPIRED: { status: [403], means: 'The join token has expired.' },
  FORBIDDEN: { status: [403], means: "The token's role may not do this." },
  NOT_FOUND: { status: [404], means: 'What the request names does not exist.' },
  TRANSACTION_LOST: {
    status: [409],
    means: 'The transaction of this position was lost with an earlier primary.',
  },
  TX_ENDED: { status: [409], means: 'The transaction has ended; `applied` says whether it took effect.' },
  TX_UNKNOWN: {
    status: [409],
    means: 'The transaction is not open on this node, and this node does not know its outcome.',
  },
  VERIFY_RUNNING: { status: [409], means: 'A comparison of rows is running already.' },
  TX_BUSY: { status: [409], means: 'Another request is running in the transaction.' },
  JOIN_VERSION: { status: [409], means: 'The joining machine has another version of Skein.' },
  SERVER_UNSUITABLE: {
    status: [409],
    means: "The joining machine's database server is of another kind than the cluster's, or older.",
  },
  DISK_TOO_SMALL: { status: [409], means: "The joining machine's disk has no room for the cluster's data." },
  CERTIFICATE_NEEDED: {
    status: [409],
    means: 'The cluster uses TLS and cannot make the certificate of the joining machine.',
  },
  ADDRESS_LOCAL: { status: [409], means: 'The joining machine gave a loopback address.' },
  JOINER_UNREACHABLE: { status: [409], means: 'The primary cannot connect to the joining machine.' },
  USER_EXISTS: { status: [409], means: 'An account of this name exists already.' },
  USER_IN_USE: {
    status: [409],
    means: 'Views, routines, triggers or events run with the rights of the account.',
  },
  MEMBER_EXISTS: { status: [409], means: 'A member has this name or one of these addresses.' },
  MEMBER_IS_PRIMARY: { status: [409], means: 'The primary cannot be removed.' },
  WITNESS_TOO_MANY: {
    status: [409],
    means: 'There would be as many witnesses as members with a database server.',
  },
  MEMBERS_FULL: { status: [409], means: 'The cluster has its maximum number of members.' },
  IDEMPOTENCY_KEY_IN_USE: { status: [409], means: 'Another request with this key is in progress.' },
  ALREADY_PRIMARY: { status: [409], means: 'The node that is to take over is the primary already.' },
  NO_TARGET: {
    status: [409],
    means: 'No node can take over, or not the one that was named; `message` says why.',
  },
  TRANSFER_RUNNING: { status: [409], means: 'The primary is handing over already.' },
  SWITCHOVER_FAILED: { status: [503], means: 'The primary has kept its role, or won it again.' },
  SWITCHOVER_UNFINISHED: {
    status: [503],
    means: 'The primary gave up its role, and no other node has opened yet.',
  },
  OTHER_CLUSTER: {
    status: [409],
    means: '`confirm` is the name of another cluster than that of the node. Nothing was changed.',
  },
  FORCE_NOT_NEEDED: {
    status: [409],
    means: 'There is a primary, or one can be elected, or that is not known yet; `message` says which.',
  },
  FORCE_LOG_SHORTER: { status: [409], means: 'A member that answers has a longer log.' },
  FORCE_IMPOSSIBLE: {
    status: [409],
    means: 'This node cannot be made the primary by force; `message` says why.',
  },
  FORCE_UNFINISHED: {
    status: [503],
    means: 'The node was ordered to be the primary by force, and has not opened yet.',
  },
  SEED_OF_PRIMARY: {
    status: [409],
    means: 'The primary cannot be filled: the other nodes are filled from it.',
  },
  SEED_OF_WITNESS: { status: [409], means: 'The node is a witness: it has no server that could be filled.' },
  NOT_SEEDING: { status: [409], means: 'The node is not being filled.' },
  SEED_NOT_CANCELLABLE: {
    status: [409],
    means: 'The data of the node is being replaced already, so this cannot be cancelled.',
  },
  NO_STATEMENT: { status: [404], means: 'The server of this node executes no such statement of a client.' },
  COMMIT_WAITS: {
    status: [409],
    means: 'The statement waits for its quorum: the server would answer OK to it without that.',
  },
  POSITION_NOT_REACHED: { status: [412], means: 'This node has not applied the position in time.' },
  LAG_TOO_LARGE: { status: [412], means: 'This node is further behind than the request allows.' },
  BODY_TOO_LARGE: { status: [413], means: 'The body is larger than its limit; `message` names the limit.' },
  UNSUPPORTED_ENCODING: { status: [415], means: 'The content encoding is not gzip.' },
  OTHER_NODE: { status: [421], means: 'Only the node that the path names does this itself.' },
  NOT_PRIMARY: { status: [421], means: 'Only the primary does this; `primary` is its address.' },
  WITNESS: {
    status: [421],
    means: 'This node is a witness, without a database server; `primary` is the address of the primary.',
  },
  TX_ELSEWHERE: { status: [421], means: 'The transaction was opened on another node.' },
  IDEMPOTENCY_KEY_REUSED: { status: [422], means: 'The key belongs to another request.' },
  TOO_MANY_TRANSACTIONS: { status: [429], means: 'The role has its maximum number of open transactions.' },
  TOKEN_BUSY: {
    status: [429],
    means: "The token uses its whole share of the role's sessions; the others are kept for other tokens.",
  },
  TOO_MANY_FAILURES: { status: [429], means: 'Too many wrong tokens from this address.' },
  RATE_LIMITED: { status: [429], means: "More requests than the token's limit allows." },
  REQUEST_TOO_SLOW: { status: [408], means: 'The request did not arrive in time.' },
  HEADERS_TOO_LARGE: { status: [431], means: 'The head of the request is too large.' },
  INTERNAL: { status: [500], means: 'The node failed on the request; its log says why.' },
  BACKUP_FAILED: { status: [500], means: 'The backup could not be begun.' },
  DUMP_FAILED: { status: [500], means: 'The dump program could not be started, or failed at once.' },
  NOT_OPEN: { status: [503], means: 'The node or the primary does not serve at the moment.' },
  NOT_ATTACHED: {
    status: [503],
    means: 'That node is not attached to the primary, so the request cannot be passed on to it.',
  },
  NO_QUORUM: { status: [503], means: 'No majority of the nodes is attached.' },
  SERVER_DOWN: { status: [503], means: 'The database server beside the node is not reachable.' },
  NODE_BUSY: { status: [503], means: 'A limit of the node is reached; `message` names the limit.' },
  SERVER_BUSY: { status: [503], means: 'All sessions of the role are in use.' },
  SERVER_LOGIN: { status: [503], means: "The server refused the node's own account." },
  PRIMARY_UNREACHABLE: { status: [503], means: 'The primary could not be reached; nothing was done.' },
  CHANGE_PENDING: {
    status: [503],
    means: 'A change of the list of members is in force, but not yet on a majority; it completes by itself.',
  },
  TIMEOUT: { status: [504], means: 'The request timed out; nothing of it takes effect.' },
  OUTCOME_UNKNOWN: { status: [504], means: 'It is not known whether the write takes effect.' },
} as const satisfies Record<string, ErrorMeaning>;

export type ErrorCode = keyof typeof ERRORS;

/** Error codes of any statement on the local server. */
export const STATEMENT_ERRORS = [
  'WITNESS',
  'ER_*',
  'TOKEN_REVOKED',
  'FORBIDDEN',
  'INVALID_POSITION',
  'TRANSACTION_LOST',
  'POSITION_NOT_REACHED',
  'SESSION_VARIABLE',
  'UNREADABLE_ANSWER',
  'RESULT_TOO_LARGE',
  'NO_QUORUM',
  'SERVER_DOWN',
  'SERVER_BUSY',
  'TOKEN_BUSY',
  'SERVER_LOGIN',
  'TIMEOUT',
] as const satisfies readonly ErrorCode[];

/** Error codes of the use of an open transaction. */
export const TRANSACTION_ERRORS = [
  'FORBIDDEN',
  'TX_ENDED',
  'TX_UNKNOWN',
  'TX_BUSY',
  'TX_ELSEWHERE',
] as const satisfies readonly ErrorCode[];

/** Error codes of a change of the cluster's own tables. */
export const CHANGE_ERRORS = [
  'NOT_PRIMARY',
  'NO_QUORUM',
  'SERVER_DOWN',
  'OUTCOME_UNKNOWN',
] as const satisfies readonly ErrorCode[];

const ErrorDetails = Type.Object(
  {
    code: Type.String({ description: 'For programs: one of the codes that the endpoint names.' }),
    errno: Type.Optional(Type.Integer({ description: "The server's own number." })),
    sqlState: Type.Optional(Type.String()),
    message: Type.String({ description: 'For people.' }),
    statement: Type.Optional(Type.Integer({ description: 'Index of the statement that failed.' })),
    retryable: Type.Boolean({ description: 'The same request may succeed later, or elsewhere.' }),
    applied: Type.Union(
      ['no', 'yes', 'partial', 'unknown'].map((applied) => Type.Literal(applied)),
      { description: 'Whether what was asked has happened, whatever the status says.' },
    ),
    primary: Type.Optional(
      Type.Union([Type.String(), Type.Null()], { description: "Address of the primary's HTTP." }),
    ),
    requestId: Type.String(),
  },
  { title: 'ErrorDetails' },
);

export const ErrorBody = Type.Object({ error: ErrorDetails }, { title: 'ErrorBody' });
