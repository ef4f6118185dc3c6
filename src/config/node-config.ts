import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Static, type TObject, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { messageOf, SkeinError } from '../model/error.js';
import { nearest } from '../std/nearest.js';
import { HttpSettings, httpLimitProblems } from './http-settings.js';
import { placeProblem } from './place.js';
import { RetentionSettings } from './retention-settings.js';
import { ServerHangMs } from './server-hang.js';
import { resolvedServer, ServerSetting } from './server-setting.js';
import { witnessProblems } from './witness.js';

/**
 * The configuration of one node: one type, one place for defaults, load -> validate -> freeze.
 * `expected` is shown when the field is invalid. Paths in a file are relative to that file.
 * `skein demo` writes such a file for each of its nodes (`.skein/n1/node.json`).
 */

/** Also a directory's name, a label of metrics and a word in logs: keep it plain. */
const NodeName = Type.String({
  pattern: '^[a-z0-9][a-z0-9_-]{0,62}$',
  expected: 'a name of lower-case letters, digits, - and _ (at most 63)',
});

const Path = (description: string) =>
  Type.String({ minLength: 1, path: true, description, expected: 'a path' });

const Milliseconds = (value: number, description: string) =>
  Type.Integer({
    minimum: 10,
    maximum: 3_600_000,
    default: value,
    description,
    expected: 'milliseconds, a whole number from 10 to 3600000',
  });

const Address = (description: string) =>
  Type.Object(
    {
      /** Loopback by default: nothing is exposed to a network by accident. */
      host: Type.String({ minLength: 1, default: '127.0.0.1', expected: 'a host name or address' }),
      port: Type.Integer({ minimum: 1, maximum: 65535, expected: 'a port from 1 to 65535' }),
    },
    {
      additionalProperties: false,
      description,
      expected: 'an object such as {"host": "127.0.0.1", "port": 8083}',
    },
  );

export const NodeConfigSchema = Type.Object(
  {
    name: NodeName,
    cluster: Type.String({
      minLength: 1,
      maxLength: 63,
      description: 'Nodes of different clusters refuse each other.',
      expected: 'the name of the cluster, 1 to 63 characters',
    }),
    directory: Path('Data, spool, state and logs of this node.'),
    acknowledge: Type.Union([Type.Literal('majority'), Type.Literal('all'), Type.Literal('async')], {
      // Losing any minority of the nodes must lose nothing: the product's promise is the default.
      default: 'majority',
      description: 'When a client is answered. What "committed" means never changes: durable at a majority.',
      expected: 'one of majority, all, async',
    }),
    // Without effect: files of earlier versions have it. One that asks for a fixed primary is refused, never obeyed halfway.
    failover: Type.Literal('automatic', {
      default: 'automatic',
      expected:
        '"automatic", or no such setting. A primary that nobody replaces does not exist any more: the nodes elect another one when theirs is lost. Remove the line on all nodes',
    }),
    witness: Type.Boolean({
      default: false,
      description:
        'Whether this node is a witness: it keeps the log and votes, and has no database server. See docs/elections.md.',
      expected: 'true or false',
    }),
    priority: Type.Integer({
      minimum: 0,
      maximum: 100,
      default: 50,
      description:
        'Which node becomes the primary when several can: the one with the largest number. A primary that serves keeps its role.',
      expected: 'a whole number from 0 to 100',
    }),
    http: Address('Where this node answers HTTP.'),
    link: Address('Where this node accepts links of the others.'),
    advertise: Type.Union([Type.String({ minLength: 1, maxLength: 253 }), Type.Null()], {
      default: null,
      description:
        'Host by which the other nodes and clients reach this node; null = the hosts that it listens on.',
      expected: 'a host name or address, or null',
    }),
    contact: Type.Union([Address(''), Type.Null()], {
      default: null,
      description:
        'Link port of any member, for the first contact; afterwards the list of members has the addresses.',
      expected: 'null, or an object such as {"host": "10.0.0.1", "port": 7083}',
    }),
    routes: Type.Record(NodeName, Address(''), {
      default: {},
      additionalProperties: false,
      description:
        'Addresses at which this node reaches the link ports of other members, where they differ from the list.',
      expected: 'an object such as {"n1": {"host": "10.0.0.1", "port": 7083}}',
    }),
    secretFile: Path('Holds the secret that all nodes of the cluster share.'),
    adminTokenFile: Type.Union([Path(''), Type.Null()], {
      default: null,
      description: 'An admin token that is accepted before the cluster has its own table of tokens.',
      expected: 'a path, or null',
    }),
    // Twice a second: late is noticed within 1.5 s, and three nodes cost 4 small frames a second.
    heartbeatIntervalMs: Milliseconds(500, 'Interval at which both ends of a link send their state.'),
    // Three missed heartbeats: one lost or delayed packet (retransmission 200-400 ms) is not yet a sign.
    lateAfterMs: Milliseconds(1500, 'A member that was silent for this long is "late".'),
    // Long enough for a restart of a node (about 1 s), short enough that its buffers do not stay for nothing.
    goneAfterMs: Milliseconds(10_000, 'A member that was silent for this long is "gone" and cleaned up.'),
    // Long enough for a reader's open transaction or a short lock to end; short enough that a stalled replica is noticed soon.
    applierStallMs: Milliseconds(
      10_000,
      'A replica whose server applies nothing for this long, with all workers waiting, is "stalled"; its node then tries to unblock it.',
    ),
    serverHangMs: ServerHangMs,
    // About 6,000 transactions of 2 KB, i.e. a few seconds of full load: a replica whose node restarts meets the window
    // again, and a primary's node stays below 150 MiB (`npm run bench -- throughput`).
    hubWindowBytes: Type.Integer({
      minimum: 64 * 1024,
      maximum: 4 * 1024 ** 3,
      default: 12 * 1024 ** 2,
      description:
        'Recent transactions kept in memory for all replicas; a replica that is further behind catches up from the binlog.',
      expected: 'bytes, a whole number from 65536 to 4294967296',
    }),
    // They are comments: a replica applies rows. Without them its server needs about a tenth less CPU for a transaction.
    annotateRows: Type.Boolean({
      default: false,
      description:
        "Whether the texts of the primary's statements are written to the replicas' binary logs too, beside the rows.",
      expected: 'true or false',
    }),
    // Off by default, because it also refuses temporary tables without one, which harm nothing.
    requirePrimaryKey: Type.Boolean({
      default: false,
      description:
        'Whether the primary refuses to make a table without a primary key, or a unique key that is NOT NULL (error 1173).',
      expected: 'true or false',
    }),
    // Small enough that purging frees space soon, large enough that a new file (and its directory fsync) is rare.
    spoolSegmentBytes: Type.Integer({
      minimum: 64 * 1024,
      maximum: 1024 ** 3,
      default: 16 * 1024 ** 2,
      description: 'Size at which the spool begins a new file.',
      expected: 'bytes, a whole number from 65536 to 1073741824',
    }),
    retention: RetentionSettings,
    // One snapshot is copied at the speed of a disk; two still leave the server most of the disk's capacity.
    seedsMax: Type.Integer({
      minimum: 1,
      maximum: 64,
      default: 2,
      description: 'Snapshots that this node sends to others at a time.',
      expected: 'a whole number from 1 to 64',
    }),
    seedRateMiBs: Type.Number({
      minimum: 0,
      maximum: 100_000,
      default: 0,
      description: 'Maximum rate of all snapshots that this node sends together, MiB a second; 0 = no limit.',
      expected: 'a number from 0 to 100000',
    }),
    server: ServerSetting,
    serverArgs: Type.Array(Type.String({ pattern: '^--' }), {
      default: [],
      description: "Further options for the managed server; Skein's own settings take precedence.",
      expected: 'a list of options such as ["--max-connections=500"]',
    }),
    // Three servers share one machine in a local cluster; a real installation sets about 70 % of the memory.
    serverBufferPoolBytes: Type.Integer({
      minimum: 5 * 1024 ** 2,
      maximum: 2 ** 44,
      default: 128 * 1024 ** 2,
      description: "The managed server's InnoDB buffer pool.",
      expected: 'bytes, a whole number of at least 5242880',
    }),
    // A large sort fits, and a disk of some ten gigabytes keeps room for data and spool.
    serverTmpBytesMax: Type.Integer({
      minimum: 16 * 1024 ** 2,
      maximum: 2 ** 44,
      default: 2 * 1024 ** 3,
      description:
        "Limit of the managed server's temporary files. Above it the read that wrote most is ended. One temporary table may use half of it.",
      expected: 'bytes, a whole number of at least 16777216',
    }),
    // A day: a difference is found while most operators still have an older dump.
    verifyIntervalHours: Type.Number({
      minimum: 0,
      maximum: 8_760,
      default: 24,
      description:
        'Hours between two comparisons of all rows of all nodes, by the primary; 0 = only when asked.',
      expected: 'hours, a number from 0 to 8760',
    }),
    serverPort: Type.Union([Type.Integer({ minimum: 1, maximum: 65535 }), Type.Null()], {
      default: null,
      description: "The managed server's own port on 127.0.0.1; null = a free one is chosen at each start.",
      expected: 'a port from 1 to 65535, or null',
    }),
    mysqlPorts: Type.Union(
      [
        Type.Object(
          {
            host: Type.String({ minLength: 1, default: '127.0.0.1' }),
            readWrite: Type.Integer({ minimum: 1, maximum: 65535 }),
            readOnly: Type.Integer({ minimum: 1, maximum: 65535 }),
          },
          { additionalProperties: false },
        ),
        Type.Null(),
      ],
      {
        default: null,
        description:
          'Where this node speaks the MySQL protocol: one port leads to the primary, the other to the local server, for reads.',
        expected: 'null, or an object such as {"host": "127.0.0.1", "readWrite": 6446, "readOnly": 6447}',
      },
    ),
    // With three quarters of it a token alone keeps two cores busy with writes that wait for their quorum.
    httpSessionsPerRole: Type.Integer({
      minimum: 4,
      maximum: 1000,
      default: 64,
      description:
        'Sessions on the server for the tokens of each role. One token gets three quarters at most; half may hold open transactions.',
      expected: 'a whole number from 4 to 1000',
    }),
    // A pool of 50 for each of ten application processes, and some for people. Each costs two sockets here and a thread
    // there.
    mysqlConnectionsMax: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 600,
      description: 'Connections that each of the two MySQL ports takes at a time.',
      expected: 'a whole number from 1 to 10000',
    }),
    // Longer than a server needs to start again, shorter than the 10 s after which drivers give up by themselves.
    primaryWaitMs: Milliseconds(
      5000,
      'How long a client waits for an open primary: a new connection of a MySQL port, and, with "failover": "automatic", a request over HTTP.',
    ),
    // A real client logs in within milliseconds: no start of a pool has more logins in progress than half of the port.
    mysqlLoginsMax: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 300,
      description: 'Connections without a login on each MySQL port. Above it the oldest are closed.',
      expected: 'a whole number from 1 to 10000',
    }),
    mysqlLoginsPerAddressMax: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 150,
      description: 'Of these, from one client address. Above it the oldest ones of that address are closed.',
      expected: 'a whole number from 1 to 10000',
    }),
    // The server's own limit for a login (connect_timeout), and the longest that drivers wait.
    mysqlLoginMs: Milliseconds(10_000, 'Deadline for the login of a MySQL client, from the greeting on.'),
    ...HttpSettings,
    // Off by default: with it, a read needs the primary; without it, the read-only ports work without a primary.
    mysqlReadOnlyWaitMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      default: 0,
      description:
        "How long a replica's read-only port waits until its server has all earlier writes; 0 = it does not wait.",
      expected: 'milliseconds, a whole number from 0 to 60000',
    }),
    consoleDirectory: Type.Union([Path(''), Type.Null()], {
      default: null,
      description: 'Files of the page at /; null = those that come with Skein.',
      expected: 'a path, or null',
    }),
    logLevel: Type.Union(
      [Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')],
      { default: 'info', expected: 'one of debug, info, warn, error' },
    ),
    // With 3 older files: at most 64 MiB of log for a node, some days of a busy one.
    logBytesMax: Type.Integer({
      minimum: 64 * 1024,
      maximum: 1024 ** 3,
      default: 16 * 1024 ** 2,
      description: 'Size at which node.log is rotated; three older files are kept.',
      expected: 'bytes, a whole number from 65536 to 1073741824',
    }),
    tls: Type.Union(
      [
        Type.Object(
          {
            certificate: Type.String({ minLength: 1 }),
            key: Type.String({ minLength: 1 }),
            ca: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()])),
            caKey: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()])),
            ports: Type.Optional(
              Type.Array(Type.Union([Type.Literal('http'), Type.Literal('link'), Type.Literal('mysql')]), {
                minItems: 1,
                uniqueItems: true,
              }),
            ),
          },
          { additionalProperties: false },
        ),
        Type.Null(),
      ],
      {
        default: null,
        description:
          'PEM files, read again when they change; "ports" names those that use them, all by default.',
        expected:
          'null, or an object such as {"certificate": "node.crt", "key": "node.key", "ca": "ca.crt", "ports": ["http", "link", "mysql"]}',
      },
    ),
    auditStatements: Type.Union([Type.Literal('masked'), Type.Literal('full'), Type.Literal('none')], {
      // Applications that do not bind parameters have their customers' data in the statements' texts.
      default: 'masked',
      description:
        'Statements in the audit trail: with ? for every literal, as they were sent, or not at all.',
      expected: 'one of masked, full, none',
    }),
    auditParameters: Type.Boolean({
      default: false,
      description: 'Whether the audit trail keeps the values of parameters; else only how many there were.',
      expected: 'true or false',
    }),
    // With 10 files about half a million requests.
    auditBytesMax: Type.Integer({
      minimum: 64 * 1024,
      maximum: 1024 ** 3,
      default: 16 * 1024 ** 2,
      description: 'Size at which the audit trail begins a new file.',
      expected: 'bytes, a whole number from 65536 to 1073741824',
    }),
    auditFilesMax: Type.Integer({
      minimum: 2,
      maximum: 10_000,
      default: 10,
      description: 'Files of the audit trail that are kept.',
      expected: 'a whole number from 2 to 10000',
    }),
  },
  { additionalProperties: false },
);

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type NodeConfig = DeepReadonly<Static<typeof NodeConfigSchema>>;

/** The settings without a default; node-config.test.ts holds this against the schema. */
export const REQUIRED_SETTINGS = ['name', 'cluster', 'directory', 'http', 'link', 'secretFile'] as const;
type Required = (typeof REQUIRED_SETTINGS)[number];

/** The content of a configuration file: settings without a default are required, the others optional. */
export type NodeConfigInput = Pick<NodeConfig, Required> & Partial<NodeConfig>;

/**
 * Reads, completes, checks and freezes a node's configuration.
 * @throws SkeinError CONFIG_UNREADABLE, CONFIG_INVALID (all wrong fields are named at once)
 */
export function loadNodeConfig(file: string): NodeConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SkeinError('CONFIG_UNREADABLE', `Cannot read the configuration ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new SkeinError('CONFIG_INVALID', `${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  return nodeConfig(raw, { source: file, baseDirectory: dirname(resolve(file)) });
}

/**
 * The same for a value that is already in memory.
 * `source` is the name that error messages use; relative paths are taken from `baseDirectory`.
 * @throws SkeinError CONFIG_INVALID
 */
export function nodeConfig(raw: unknown, options: { source: string; baseDirectory: string }): NodeConfig {
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) {
    throw new SkeinError('CONFIG_INVALID', `${options.source}: expected an object of settings.`);
  }
  const { value, problems } = notTooDeep(options.source, () => {
    const filled = Value.Default(NodeConfigSchema, structuredClone(raw)) as Record<string, unknown>;
    return { value: filled, problems: [...shapeProblems(filled)] };
  });
  if (problems.length === 0) {
    problems.push(...relationProblems(value as Static<typeof NodeConfigSchema>));
    problems.push(...witnessProblems(value as Static<typeof NodeConfigSchema>, raw));
  }
  if (problems.length > 0) {
    throw new SkeinError('CONFIG_INVALID', `${options.source}: ${problems.join('\n  ')}`, {
      data: { problems },
    });
  }
  resolvePaths(value, options.baseDirectory);
  return deepFreeze(value) as NodeConfig;
}

/** Refuses values thousands of levels deep, which no setting has: code that walks through them would exceed its stack. */
function notTooDeep<T>(source: string, walk: () => T): T {
  try {
    return walk();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SkeinError('CONFIG_INVALID', `${source} is nested too deeply to be a configuration.`, {
      cause: error,
    });
  }
}

function* shapeProblems(value: Record<string, unknown>): Generator<string> {
  const properties = NodeConfigSchema.properties as TObject['properties'];
  for (const field of Object.keys(value)) {
    if (!Object.hasOwn(properties, field)) {
      const guess = nearest(field, Object.keys(properties));
      yield `"${field}" is not a setting${guess ? ` (did you mean "${guess}"?)` : ''}`;
    }
  }
  for (const [field, schema] of Object.entries(properties)) {
    if (Value.Check(schema, value[field])) continue;
    const expected = (schema.expected as string | undefined) ?? 'another value';
    yield value[field] === undefined
      ? `"${field}" is missing; expected ${expected}`
      : `"${field}" is ${shorten(JSON.stringify(value[field]))}; expected ${expected}`;
  }
}

function* relationProblems(config: Static<typeof NodeConfigSchema>): Generator<string> {
  if (config.http.host === config.link.host && config.http.port === config.link.port) {
    yield `"http" and "link" are both port ${config.http.port}; expected two different ports`;
  }
  const unreachable = placeProblem(config);
  if (unreachable !== null) yield unreachable;
  yield* httpLimitProblems(config);
  const mysql = config.mysqlPorts;
  if (mysql !== null && mysql.readWrite === mysql.readOnly) {
    yield `"mysqlPorts" are both ${mysql.readWrite}; expected two different ports`;
  }
  const linkTls = config.tls !== null && (config.tls.ports ?? ['link']).includes('link');
  if (linkTls && (config.tls?.ca ?? null) === null) {
    yield '"tls.ca" is missing; expected the file of the authority that signed the certificates of the nodes (or "ports" without "link")';
  }
  if ((config.tls?.caKey ?? null) !== null && (config.tls?.ca ?? null) === null) {
    yield '"tls.ca" is missing; expected the certificate of the authority whose key is "tls.caKey"';
  }
  if (config.lateAfterMs <= config.heartbeatIntervalMs) {
    yield `"lateAfterMs" is ${config.lateAfterMs}; expected more than "heartbeatIntervalMs" (${config.heartbeatIntervalMs})`;
  }
  if (config.goneAfterMs <= config.lateAfterMs) {
    yield `"goneAfterMs" is ${config.goneAfterMs}; expected more than "lateAfterMs" (${config.lateAfterMs})`;
  }
}

/** Files of the audit trail. */
export function auditDirectory({ directory }: Pick<NodeConfig, 'directory'>): string {
  return join(directory, 'audit');
}

const PATH_FIELDS = ['directory', 'secretFile', 'adminTokenFile', 'consoleDirectory'];

function resolvePaths(value: Record<string, unknown>, base: string): void {
  for (const field of PATH_FIELDS) {
    const path = value[field];
    if (typeof path === 'string') value[field] = resolve(base, path);
  }
  value.server = resolvedServer(value.server, base);
  const tls = value.tls as Record<string, unknown> | null;
  for (const field of tls === null ? [] : ['certificate', 'key', 'ca', 'caKey']) {
    if (tls && typeof tls[field] === 'string') tls[field] = resolve(base, tls[field]);
  }
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function deepFreeze(value: unknown): unknown {
  if (value !== null && typeof value === 'object') {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
