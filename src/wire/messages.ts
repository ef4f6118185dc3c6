import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Chain, ChainEntry, ChainPlace } from '../model/chain.js';
import { messageOf } from '../model/error.js';
import { SEED_CAUSES, SEED_PHASES } from '../model/seed.js';
import type { ClusterStatus } from '../model/status.js';
import { APPLIER_STATES, CHANGE_KINDS, MEMBER_ROLES, MEMBER_STATES } from '../model/status.js';
import {
  allocateFrame,
  FRAME_HEADER_SIZE,
  FRAMES,
  type FrameName,
  invalidFrame,
  tooLarge,
} from './frames.js';

/**
 * The control frames: JSON, checked against a schema before anything looks at them. Unknown fields are ignored (a newer node
 * may send more), known ones must be valid, and every text and list has a limit.
 */

export const Ordinal = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const Epoch = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });
const Text = (maxLength: number) => Type.String({ maxLength });
const OrNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** Names appear in logs, file names and metrics. */
export const NodeName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' });
const Address = Text(512);
const Gtid = Type.String({ pattern: '^[0-9A-Za-z:-]{0,100}$' });
const Reason = Text(4096);
const Flavour = Type.Union([Type.Literal('mariadb'), Type.Literal('mysql')]);
const Role = Type.Union([Type.Literal('primary'), Type.Literal('replica')]);

const MysqlConnections = OrNull(Type.Object({ readWrite: Ordinal, readOnly: Ordinal }));

const PositionSchema = Type.Object({ epoch: Epoch, ordinal: Ordinal, gtid: Gtid });
const PositionsSchema = Type.Object({
  received: Ordinal,
  durable: Ordinal,
  committed: Ordinal,
  applied: Ordinal,
});
const ServerSchema = Type.Object({
  flavour: OrNull(Flavour),
  version: OrNull(Text(256)),
  pid: OrNull(Ordinal),
  up: Type.Boolean(),
});

const LinkAddressSchema = Type.Object({
  host: Type.String({ minLength: 1, maxLength: 255 }),
  port: Type.Integer({ minimum: 1, maximum: 65535 }),
});

const PlaceSchema = Type.Object({ epoch: Epoch, number: Ordinal });

const EntrySchema = Type.Object({
  epoch: Epoch,
  number: Ordinal,
  beginsAfter: PositionSchema,
  primary: NodeName,
  members: OrNull(
    Type.Array(
      Type.Object({
        name: NodeName,
        incarnation: Type.String({ maxLength: 64 }),
        voter: Type.Boolean(),
        link: LinkAddressSchema,
        http: Address,
        mysqlRw: OrNull(Address),
        mysqlRo: OrNull(Address),
        witness: Type.Optional(Type.Boolean()),
      }),
      { maxItems: 64 },
    ),
  ),
});
const SeedProgressSchema = OrNull(
  Type.Object({
    phase: Type.Union(SEED_PHASES.map((phase) => Type.Literal(phase))),
    cause: Type.Union(SEED_CAUSES.map((cause) => Type.Literal(cause))),
    donor: OrNull(NodeName),
    attempt: Ordinal,
    bytes: Ordinal,
    bytesTotal: OrNull(Ordinal),
    bytesPerSecond: Type.Number({ minimum: 0 }),
    remainingMs: OrNull(Type.Number({ minimum: 0 })),
    since: Text(64),
    reason: Reason,
  }),
);

const LogSchema = OrNull(
  Type.Object({
    files: Ordinal,
    bytes: Ordinal,
    begin: Ordinal,
    oldestAt: OrNull(Text(64)),
    diskFreeBytes: OrNull(Ordinal),
  }),
);

const LoadSchema = OrNull(
  Type.Object({
    cpuPercent: Type.Number({ minimum: 0 }),
    spoolBytes: Ordinal,
    commitWaitMs: OrNull(Type.Number({ minimum: 0 })),
  }),
);

const SpoolEndSchema = Type.Object({
  /** The durable end of the replica's spool. */
  spoolEnd: PositionSchema,
  /** GTID of the group before that of `spoolEnd`; '' when there is none. */
  previousGtid: Gtid,
  /** The replica's spool is damaged: it must not count (rules C6, H12). */
  damaged: Type.Boolean(),
  /** The newest entry of the chain that its log has reached (rule E1); null = it has no chain yet. */
  adopted: OrNull(PlaceSchema),
});

const AttachSchema = Type.Intersect([
  Type.Object({
    node: NodeName,
    /** Identifies the disk of the node: changes when the spool was lost or re-created (rule C6). */
    incarnation: Type.String({ minLength: 1, maxLength: 64 }),
    /** The newest epoch that it knows or has promised: an older primary is refused (rule H1). */
    epoch: Epoch,
    /** Starts of this node so far. A lower number than before means that an older image of its disk was restored. */
    boot: Ordinal,
    http: Address,
    link: LinkAddressSchema,
    mysqlRw: OrNull(Address),
    mysqlRo: OrNull(Address),
    witness: Type.Optional(Type.Boolean()),
    flavour: Flavour,
  }),
  SpoolEndSchema,
]);
export type AttachInfo = Static<typeof AttachSchema>;
export type SpoolEnd = Static<typeof SpoolEndSchema>;

const WelcomeSchema = Type.Object({
  node: NodeName,
  epoch: Epoch,
  chain: Type.Array(EntrySchema, { maxItems: 100_000 }),
  committedOrdinal: Ordinal,
  /** Wall clock and monotonic clock of the primary's node, see Heartbeat. */
  sentAtMs: Type.Number(),
  uptimeMs: Type.Number(),
});
export type Welcome = Static<typeof WelcomeSchema>;

const ListSchema = Type.Object({
  entry: EntrySchema,
  /** The list is on a majority of itself and of the one before, which is not counted any more. */
  settled: Type.Boolean(),
});
export interface ListMessage {
  readonly entry: ChainEntry;
  readonly settled: boolean;
}

const RefuseSchema = Type.Object({
  code: Type.String({ pattern: '^[A-Z0-9_]{1,64}$' }),
  message: Text(2048),
  /** Where the primary accepts links, if this node is not the primary and knows that. */
  primary: Type.Optional(LinkAddressSchema),
});
export type Refuse = Static<typeof RefuseSchema>;

const HeartbeatSchema = Type.Object({
  node: NodeName,
  role: Role,
  epoch: Epoch,
  positions: PositionsSchema,
  server: ServerSchema,
  /** Age in ms of the oldest transaction not yet applied, as the sender measures it; null = not known. */
  lagMs: OrNull(Type.Number({ minimum: 0 })),
  /** Whether its server executes what is committed, and the ISO time of the last change of that. */
  applier: Type.Object({
    state: Type.Union(APPLIER_STATES.map((state) => Type.Literal(state))),
    since: Text(64),
  }),
  /** Checksums of the named time zones of its server; null = not known yet, absent = an older node, which does not send them. */
  timeZones: Type.Optional(OrNull(Text(64))),
  /** Its server's binary log; null = not known yet. */
  log: Type.Optional(LogSchema),
  /** Null = not measured yet. */
  load: Type.Optional(LoadSchema),
  /** How far it is while its server is filled from another node; null = it is not. */
  seeding: Type.Optional(SeedProgressSchema),
  /** Absent = an older node, which does not send it. */
  maintenance: Type.Optional(Type.Boolean()),
  /** Why it is not healthy, for people; null when it is. */
  reason: OrNull(Reason),
  http: Address,
  link: Address,
  mysqlRw: OrNull(Address),
  mysqlRo: OrNull(Address),
  mysqlConnections: MysqlConnections,
  pid: OrNull(Ordinal),
  /** Wall clock of the sender at the moment of sending (Unix ms). */
  sentAtMs: Type.Number(),
  /** The sender's monotonic clock at that moment (ms): when the two drift apart, its wall clock was set. */
  uptimeMs: Type.Number(),
});
export type Heartbeat = Static<typeof HeartbeatSchema>;
/** A heartbeat without the clocks, which the link adds when it sends. */
export type HeartbeatBody = Omit<Heartbeat, 'sentAtMs' | 'uptimeMs'>;

const FailoverSchema = Type.Object({
  elected: OrNull(NodeName),
  afterDeathMs: Type.Number(),
  afterSilenceMs: Type.Number(),
  against: Type.Array(Reason, { maxItems: 1000 }),
  last: OrNull(
    Type.Object({
      epoch: Epoch,
      primary: NodeName,
      primaryBefore: OrNull(NodeName),
      detectedHow: Text(64),
      servedAt: Text(64),
      pauseMs: OrNull(Type.Number()),
      reason: Reason,
    }),
  ),
});

const StatusSchema = Type.Object({
  cluster: Text(256),
  epoch: Epoch,
  primary: OrNull(NodeName),
  acknowledge: Type.Union([Type.Literal('majority'), Type.Literal('all'), Type.Literal('async')]),
  quorum: Type.Object({ needed: Ordinal, attached: Ordinal, voters: Ordinal }),
  change: OrNull(
    Type.Object({
      kind: Type.Union(CHANGE_KINDS.map((kind) => Type.Literal(kind))),
      member: NodeName,
      since: Text(64),
      waitsFor: Reason,
    }),
  ),
  failover: Type.Optional(OrNull(FailoverSchema)),
  warnings: Type.Array(Reason, { maxItems: 100 }),
  members: Type.Array(
    Type.Object({
      name: NodeName,
      role: Type.Union(MEMBER_ROLES.map((role) => Type.Literal(role))),
      witness: Type.Optional(Type.Boolean()),
      state: Type.Union(MEMBER_STATES.map((state) => Type.Literal(state))),
      voter: Type.Boolean(),
      epoch: Epoch,
      http: Address,
      link: Address,
      mysqlRw: OrNull(Address),
      mysqlRo: OrNull(Address),
      mysqlConnections: MysqlConnections,
      pid: OrNull(Ordinal),
      server: ServerSchema,
      positions: PositionsSchema,
      lagMs: OrNull(Type.Number()),
      lastHeartbeatMs: OrNull(Type.Number()),
      since: Text(64),
      log: Type.Optional(LogSchema),
      load: Type.Optional(LoadSchema),
      seeding: Type.Optional(SeedProgressSchema),
      maintenance: Type.Optional(Type.Boolean()),
      reason: OrNull(Reason),
    }),
    { maxItems: 1000 },
  ),
});

const DefinitionsQuerySchema = Type.Object({
  /** The answer has the same id. */
  id: Ordinal,
  /**
   * To a replica: the definitions after this transaction; '' = of a server without any. Nothing may be written meanwhile. A
   * primary answers with what it has now.
   */
  gtid: Gtid,
  /** Objects whose definitions are wanted in full; null = digests of all. See model/definitions.ts. */
  objects: OrNull(Type.Array(Text(512), { maxItems: 1000 })),
});
export type DefinitionsQuery = Static<typeof DefinitionsQuerySchema>;

const DefinitionsReplySchema = Type.Object({
  id: Ordinal,
  /** Object -> its digest or its definition; without those that it does not have. */
  definitions: Type.Record(Type.String(), Type.String()),
  /** Why it has no answer, for people; null = it has one. */
  failed: OrNull(Reason),
  /** From a primary: where its log ended after the definitions had been read. */
  ordinal: Type.Optional(Ordinal),
});
export type DefinitionsReply = Static<typeof DefinitionsReplySchema>;

const SeedRequestSchema = Type.Object({
  node: NodeName,
  flavour: Flavour,
  /** A snapshot that ends before this is of no use: the receiver's spool begins behind it. */
  fromOrdinal: Ordinal,
});
export type SeedRequest = Static<typeof SeedRequestSchema>;

const SeedOfferSchema = Type.Object({
  node: NodeName,
  role: Role,
  /** Version of the donor's server. */
  serverVersion: Text(256),
  /** Estimated bytes of the transfer; null = not known. */
  bytesTotal: OrNull(Ordinal),
});
export type SeedOffer = Static<typeof SeedOfferSchema>;

const SeedEndSchema = Type.Object({
  /** Everything up to this is in the snapshot, and nothing else. */
  position: PositionSchema,
  bytes: Ordinal,
});
export type SeedEnd = Static<typeof SeedEndSchema>;

const SeedOrderSchema = Type.Object({
  order: Type.Union([Type.Literal('start'), Type.Literal('cancel')]),
  reason: Reason,
});
export type SeedOrder = Static<typeof SeedOrderSchema>;

type ControlName =
  | 'attach'
  | 'welcome'
  | 'ready'
  | 'refuse'
  | 'heartbeat'
  | 'status'
  | 'list'
  | 'adopted'
  | 'definitionsQuery'
  | 'definitionsReply'
  | 'verifyAsk'
  | 'verifyReply'
  | 'seedRequest'
  | 'seedOffer'
  | 'seedEnd'
  | 'seedOrder'
  | 'voter'
  | 'election';

export function encodeJson(name: ControlName, value: unknown): Buffer {
  const text = JSON.stringify(value);
  const size = Buffer.byteLength(text);
  const frame = allocateFrame(name, size);
  frame.write(text, FRAME_HEADER_SIZE, 'utf8');
  return frame;
}

export function decodeJson<T extends TSchema>(name: ControlName, schema: T, payload: Buffer): Static<T> {
  const sizeMax = FRAMES[name].payloadMax;
  if (payload.length > sizeMax) throw tooLarge(`A ${name} frame`, payload.length, sizeMax);
  const value = parse(name, payload);
  if (!Value.Check(schema, value))
    throw invalidFrame(`A ${name} frame is wrong${firstFault(schema, value)}.`);
  return value;
}

function parse(name: FrameName, payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch (error) {
    throw invalidFrame(`A ${name} frame is not JSON.`, error);
  }
}

/** Names the field, never its value: a peer's bytes do not belong in the log. */
function firstFault(schema: TSchema, value: unknown): string {
  const fault = Value.Errors(schema, value).First();
  return fault ? ` at ${fault.path || '/'}: ${fault.message}` : '';
}

export const encodeAttach = (attach: AttachInfo): Buffer => encodeJson('attach', attach);
export const decodeAttach = (payload: Buffer): AttachInfo => decodeJson('attach', AttachSchema, payload);

export const encodeWelcome = (welcome: Omit<Welcome, 'chain'> & { readonly chain: Chain }): Buffer =>
  encodeJson('welcome', welcome);
export const decodeWelcome = (payload: Buffer): Welcome => decodeJson('welcome', WelcomeSchema, payload);

export const encodeReady = (end: SpoolEnd): Buffer => encodeJson('ready', end);
export const decodeReady = (payload: Buffer): SpoolEnd => decodeJson('ready', SpoolEndSchema, payload);

export const encodeList = (list: ListMessage): Buffer => encodeJson('list', list);
export const decodeList = (payload: Buffer): ListMessage => decodeJson('list', ListSchema, payload);

export const encodeAdopted = (place: ChainPlace): Buffer => encodeJson('adopted', place);
export const decodeAdopted = (payload: Buffer): ChainPlace => decodeJson('adopted', PlaceSchema, payload);

/** Cut to the limit: a long reason must not become an error itself. */
export const encodeRefuse = (refuse: Refuse): Buffer =>
  encodeJson('refuse', { ...refuse, message: refuse.message.slice(0, 512) });
export const decodeRefuse = (payload: Buffer): Refuse => decodeJson('refuse', RefuseSchema, payload);

export const encodeHeartbeat = (heartbeat: Heartbeat): Buffer => encodeJson('heartbeat', heartbeat);
export const decodeHeartbeat = (payload: Buffer): Heartbeat =>
  decodeJson('heartbeat', HeartbeatSchema, payload);

export const encodeStatus = (status: ClusterStatus): Buffer => encodeJson('status', status);
export const decodeStatus = (payload: Buffer): ClusterStatus => decodeJson('status', StatusSchema, payload);

export const encodeDefinitionsQuery = (ask: DefinitionsQuery): Buffer => encodeJson('definitionsQuery', ask);
export const decodeDefinitionsQuery = (payload: Buffer): DefinitionsQuery =>
  decodeJson('definitionsQuery', DefinitionsQuerySchema, payload);

/** An answer that is too large for a frame becomes one that says so. */
export function encodeDefinitionsReply(answer: DefinitionsReply): Buffer {
  try {
    return encodeJson('definitionsReply', answer);
  } catch (error) {
    return encodeJson('definitionsReply', { id: answer.id, definitions: {}, failed: messageOf(error) });
  }
}
export const decodeDefinitionsReply = (payload: Buffer): DefinitionsReply =>
  decodeJson('definitionsReply', DefinitionsReplySchema, payload);

export const encodeSeedRequest = (request: SeedRequest): Buffer => encodeJson('seedRequest', request);
export const decodeSeedRequest = (payload: Buffer): SeedRequest =>
  decodeJson('seedRequest', SeedRequestSchema, payload);

export const encodeSeedOffer = (offer: SeedOffer): Buffer => encodeJson('seedOffer', offer);
export const decodeSeedOffer = (payload: Buffer): SeedOffer =>
  decodeJson('seedOffer', SeedOfferSchema, payload);

export const encodeSeedEnd = (end: SeedEnd): Buffer => encodeJson('seedEnd', end);
export const decodeSeedEnd = (payload: Buffer): SeedEnd => decodeJson('seedEnd', SeedEndSchema, payload);

export const encodeSeedOrder = (order: SeedOrder): Buffer => encodeJson('seedOrder', order);
export const decodeSeedOrder = (payload: Buffer): SeedOrder =>
  decodeJson('seedOrder', SeedOrderSchema, payload);
