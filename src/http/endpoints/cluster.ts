import { Type } from '@sinclair/typebox';
import { SEED_CAUSES, SEED_PHASES } from '../../model/seed.js';
import { MEMBER_ROLES, MEMBER_STATES } from '../../model/status.js';
import { defineEndpoint } from './definition.js';
import { Change } from './members.js';

const Nullable = <T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Number>>(schema: T) =>
  Type.Union([schema, Type.Null()]);

const Member = Type.Object(
  {
    name: Type.String(),
    role: Type.Union(MEMBER_ROLES.map((role) => Type.Literal(role))),
    witness: Type.Optional(
      Type.Boolean({ description: 'It has no database server: it keeps the log and votes.' }),
    ),
    state: Type.Union(MEMBER_STATES.map((state) => Type.Literal(state))),
    voter: Type.Boolean(),
    epoch: Type.Integer(),
    http: Type.String(),
    link: Type.String(),
    mysqlRw: Nullable(Type.String()),
    mysqlRo: Nullable(Type.String()),
    mysqlConnections: Type.Union([
      Type.Object({ readWrite: Type.Integer(), readOnly: Type.Integer() }),
      Type.Null(),
    ]),
    pid: Nullable(Type.Number()),
    server: Type.Object({
      flavour: Nullable(Type.String()),
      version: Nullable(Type.String()),
      pid: Nullable(Type.Number()),
      up: Type.Boolean(),
    }),
    positions: Type.Object({
      received: Type.Integer(),
      durable: Type.Integer(),
      committed: Type.Integer(),
      applied: Type.Integer(),
    }),
    lagMs: Nullable(Type.Number()),
    lastHeartbeatMs: Nullable(Type.Number()),
    since: Type.String(),
    log: Type.Optional(
      Type.Union(
        [
          Type.Object(
            {
              files: Type.Integer(),
              bytes: Type.Integer(),
              begin: Type.Integer({
                description: 'Ordinal of the first transaction that it can give to another node.',
              }),
              oldestAt: Nullable(Type.String({ description: 'When its oldest file was last written to.' })),
              diskFreeBytes: Nullable(Type.Number()),
            },
            { title: 'BinaryLog' },
          ),
          Type.Null(),
        ],
        { description: "The binary log of the member's server, as last reported." },
      ),
    ),
    seeding: Type.Optional(
      Type.Union(
        [
          Type.Object(
            {
              phase: Type.Union(SEED_PHASES.map((phase) => Type.Literal(phase))),
              cause: Type.Union(SEED_CAUSES.map((cause) => Type.Literal(cause))),
              donor: Nullable(Type.String()),
              attempt: Type.Integer(),
              bytes: Type.Integer({ description: 'Bytes of the snapshot that have arrived, as sent.' }),
              bytesTotal: Nullable(Type.Number({ description: 'An estimate of all bytes.' })),
              bytesPerSecond: Type.Number(),
              remainingMs: Nullable(Type.Number()),
              since: Type.String(),
              reason: Type.String(),
            },
            { title: 'Seeding' },
          ),
          Type.Null(),
        ],
        { description: 'How far the replica is while its server is filled from another node.' },
      ),
    ),
    load: Type.Optional(
      Type.Union(
        [
          Type.Object(
            {
              cpuPercent: Type.Number({ description: 'Of one core: the node and its server.' }),
              spoolBytes: Type.Integer(),
              commitWaitMs: Nullable(
                Type.Number({ description: 'How long a commit waited for its quorum, on average.' }),
              ),
            },
            { title: 'Load' },
          ),
          Type.Null(),
        ],
        { description: 'How busy the node was in the last second.' },
      ),
    ),
    maintenance: Type.Optional(
      Type.Boolean({ description: 'It keeps no lead, and no other node is filled from it.' }),
    ),
    reason: Nullable(Type.String()),
  },
  { title: 'Member' },
);

const Failover = Type.Object(
  {
    elected: Nullable(Type.String({ description: 'Who would be elected; null = nobody.' })),
    afterDeathMs: Type.Number({ description: 'About, when the process of the primary ends.' }),
    afterSilenceMs: Type.Number({ description: 'About, when the primary only falls silent.' }),
    against: Type.Array(Type.String(), { description: 'What stands against it, in whole sentences.' }),
    last: Type.Union(
      [
        Type.Object(
          {
            epoch: Type.Integer(),
            primary: Type.String(),
            primaryBefore: Nullable(Type.String()),
            detectedHow: Type.String(),
            servedAt: Type.String({ description: 'When the new primary was open for clients.' }),
            pauseMs: Nullable(Type.Number({ description: 'How long clients were not served.' })),
            reason: Type.String(),
          },
          { title: 'LastFailover' },
        ),
        Type.Null(),
      ],
      { description: 'The last failover that the primary knows of.' },
    ),
  },
  { title: 'Failover' },
);

export const getCluster = defineEndpoint({
  method: 'GET',
  path: '/v1/cluster',
  summary: 'All members with role, state, positions, lag and addresses, as this node knows them.',
  auth: 'read',
  polled: true,
  response: Type.Object(
    {
      cluster: Type.String(),
      epoch: Type.Integer(),
      primary: Nullable(Type.String()),
      acknowledge: Type.Union(['majority', 'all', 'async'].map((level) => Type.Literal(level))),
      quorum: Type.Object({ needed: Type.Integer(), attached: Type.Integer(), voters: Type.Integer() }),
      change: Change,
      members: Type.Array(Member),
      failover: Type.Optional(
        Type.Union([Failover, Type.Null()], {
          description:
            'What would happen if the primary were lost now. Without a primary: what this node waits for.',
        }),
      ),
      warnings: Type.Array(Type.String(), {
        description:
          "Problems in the schema that endanger the cluster's promise, and members that are about to lose their place in the binary log; empty if there are none.",
      }),
    },
    { title: 'ClusterStatus' },
  ),
});

export const getEvents = defineEndpoint({
  method: 'GET',
  path: '/v1/events',
  summary: 'Server-sent events of every change; Last-Event-ID resumes.',
  auth: 'read',
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ description: 'Events after this one come first.' })),
  }),
  produces: 'event-stream',
  response: Type.String(),
});
