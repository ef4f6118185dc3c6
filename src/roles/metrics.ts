/**
 * The metrics of this node and its cluster for `GET /metrics`: numbers in, metric families out. The parts of the node only
 * count. Labels, texts and sums are made here, at a scrape.
 */

import { GrowingCounter } from '../metrics/growing-counter.js';
import { type MetricFamily, type Sample, single } from '../metrics/text.js';
import {
  CLUSTER_EVENTS,
  type ClusterEventName,
  type ClusterStatus,
  MEMBER_ROLES,
  MEMBER_STATES,
  memberRole,
  type Positions,
} from '../model/status.js';
import { TABLE_VERDICTS, type TableReport } from '../model/verify.js';
import type { Histogram } from '../std/histogram.js';
import type { HeartbeatBody } from '../wire/messages.js';
import type { PeerBytes } from './link-bytes.js';

const STAGES = ['received', 'durable', 'committed', 'applied'] as const;

export interface NodeFacts {
  readonly cluster: string;
  readonly version: string;
  readonly heartbeat: HeartbeatBody;
  /** It has no server, so there is nothing to say of one. */
  readonly witness: boolean;
  readonly open: boolean;
  readonly ready: boolean;
  readonly events: ReadonlyMap<ClusterEventName, number>;
  /** Null without TLS. */
  readonly certificateExpiresAtMs: number | null;
  /** Bytes of snapshots sent to other nodes. */
  readonly seedBytesSent: number;
}

/** The metrics that every node has, whatever its role. */
export class NodeMetrics {
  readonly #growth = new Map(STAGES.map((stage) => [stage, new GrowingCounter()]));

  families(facts: NodeFacts): MetricFamily[] {
    const { cluster, version, heartbeat, open, ready, events, certificateExpiresAtMs, seedBytesSent } = facts;
    const { node, epoch, positions, server, lagMs, log, seeding } = heartbeat;
    const { witness } = facts;
    const role = memberRole(heartbeat.role, witness);
    return [
      {
        type: 'gauge',
        name: 'skein_build_info',
        help: 'Always 1. The labels give the version of the node.',
        samples: [{ labels: { node, cluster, version, nodejs: process.versions.node }, value: 1 }],
      },
      {
        type: 'gauge',
        name: 'skein_role',
        help: '1 for the current role of this node.',
        samples: MEMBER_ROLES.map((name) => ({ labels: { role: name }, value: name === role })),
      },
      single('gauge', 'skein_epoch', 'Newest epoch that this node knows.', epoch),
      single(
        'gauge',
        'skein_open',
        '1 while requests may reach the local server. Absent on a witness.',
        witness ? null : open,
      ),
      single('gauge', 'skein_ready', '1 while /ready answers 200.', ready),
      single(
        'gauge',
        'skein_server_up',
        '1 while the local database server runs. Absent on a witness.',
        witness ? null : server.up,
      ),
      {
        type: 'gauge',
        name: 'skein_server_info',
        help: 'Always 1. The labels give the kind and version of the database server.',
        samples: witness
          ? []
          : [
              {
                labels: { flavour: server.flavour ?? 'unknown', version: server.version ?? 'unknown' },
                value: 1,
              },
            ],
      },
      {
        type: 'gauge',
        name: 'skein_position',
        help: "Ordinal of this node's last transaction in each stage.",
        samples: stages(positions),
      },
      {
        type: 'counter',
        name: 'skein_transactions_total',
        help: 'Transactions that passed each stage on this node since the first scrape of the process.',
        samples: STAGES.map((stage) => ({
          labels: { stage },
          value: this.#growth.get(stage)?.look(positions[stage]) ?? 0,
        })),
      },
      single(
        'gauge',
        'skein_lag_seconds',
        'Age of the oldest transaction that this node has not applied yet. Absent while not known.',
        seconds(lagMs),
      ),
      single('gauge', 'skein_log_files', "Files of the server's binary log.", log?.files ?? null),
      single('gauge', 'skein_log_bytes', "Size of the server's binary log.", log?.bytes ?? null),
      single(
        'gauge',
        'skein_log_begin',
        'Ordinal of the first transaction in the binary log, from which it can feed another node.',
        log?.begin ?? null,
      ),
      single(
        'gauge',
        'skein_log_oldest_seconds',
        'Time since the last write to the oldest file of the binary log.',
        log?.oldestAt ? Math.max(0, (Date.now() - Date.parse(log.oldestAt)) / 1000) : null,
      ),
      single(
        'gauge',
        'skein_disk_free_bytes',
        "Free bytes on the disk of the server's data.",
        log?.diskFreeBytes ?? null,
      ),
      single(
        'gauge',
        'skein_certificate_expires_timestamp_seconds',
        'Expiry of the TLS certificate, Unix time. Absent without TLS.',
        seconds(certificateExpiresAtMs),
      ),
      single('gauge', 'skein_seeding', '1 while the server is filled from another node.', Boolean(seeding)),
      single('gauge', 'skein_seed_bytes', 'Bytes of the snapshot that have arrived.', seeding?.bytes ?? 0),
      single(
        'counter',
        'skein_seed_sent_bytes_total',
        'Bytes of snapshots that were sent to other nodes.',
        seedBytesSent,
      ),
      {
        type: 'counter',
        name: 'skein_events_total',
        help: 'Events of this node, see GET /v1/events.',
        samples: CLUSTER_EVENTS.map((event) => ({ labels: { event }, value: events.get(event) ?? 0 })),
      },
    ];
  }
}

export interface PrimaryFacts {
  readonly status: ClusterStatus;
  readonly commitsWaiting: number;
  readonly commitWait: Histogram;
  readonly hubWindowBytes: number;
  readonly bytesRead: number;
  readonly keylessTables: number;
  readonly foreignTables: number;
  readonly links: readonly PeerBytes[];
  readonly spool: SpoolFacts;
  readonly verify: VerifyFacts;
}

/** Comparisons of rows since the node's start, and the last results. */
export interface VerifyFacts {
  readonly rounds: number;
  readonly chunks: number;
  readonly rows: number;
  readonly isRunning: boolean;
  /** Unix ms; null = there was none. */
  readonly lastCompleteAtMs: number | null;
  readonly tables: ReadonlyMap<TableReport['verdict'], number>;
}

/** The metrics of a primary: the quorum, commits, and each member. */
export function primaryMetrics(facts: PrimaryFacts): MetricFamily[] {
  const { quorum, members, change } = facts.status;
  const perMember = (sample: (member: (typeof members)[number]) => Sample[]): Sample[] =>
    members.flatMap((member) =>
      sample(member).map(({ labels, value }) => ({ labels: { member: member.name, ...labels }, value })),
    );
  return [
    single(
      'gauge',
      'skein_quorum_needed',
      'Voters that must be attached, including the primary.',
      quorum.needed,
    ),
    single(
      'gauge',
      'skein_quorum_attached',
      'Voters that are attached, including the primary.',
      quorum.attached,
    ),
    single(
      'gauge',
      'skein_members_voters',
      'Members that count in the quorum, including the primary.',
      quorum.voters,
    ),
    single(
      'gauge',
      'skein_members_learners',
      'Members that do not count in the quorum.',
      members.filter(({ voter }) => !voter).length,
    ),
    single(
      'gauge',
      'skein_member_change_pending',
      '1 while a change of the members is not yet on a majority of the old and of the new list.',
      change !== null,
    ),
    single(
      'gauge',
      'skein_tables_without_key',
      'Tables without a key by which a replica finds a row.',
      facts.keylessTables,
    ),
    single(
      'gauge',
      'skein_tables_not_innodb',
      'Tables that are not converted to InnoDB yet. Their engine can lose acknowledged rows.',
      facts.foreignTables,
    ),
    single('gauge', 'skein_commits_waiting', 'Commits that wait for their quorum now.', facts.commitsWaiting),
    {
      type: 'histogram',
      name: 'skein_commit_wait_seconds',
      help: 'Time from the read of a transaction in the binary log to its acknowledgement by the quorum.',
      series: [{ histogram: facts.commitWait }],
    },
    single(
      'counter',
      'skein_binlog_read_bytes_total',
      'Changes read from the binary log, as bytes of records.',
      facts.bytesRead,
    ),
    single(
      'gauge',
      'skein_hub_window_bytes',
      'Recent changes that are kept in memory for all replicas.',
      facts.hubWindowBytes,
    ),
    {
      type: 'gauge',
      name: 'skein_member_state',
      help: '1 for the current state of each member.',
      samples: perMember(({ state }) =>
        MEMBER_STATES.map((name) => ({
          labels: { state: name },
          value: name === state,
        })),
      ),
    },
    {
      type: 'gauge',
      name: 'skein_member_server_up',
      help: "1 while the member's database server runs, by the member's last heartbeat.",
      samples: perMember(({ server }) => [{ value: server.up }]),
    },
    {
      type: 'gauge',
      name: 'skein_member_position',
      help: "Ordinal of each member's last transaction in each stage, by the member's last heartbeat.",
      samples: perMember(({ positions }) => stages(positions)),
    },
    {
      type: 'gauge',
      name: 'skein_member_lag_seconds',
      help: 'Age of the oldest transaction that the member has not applied yet. Absent while not known.',
      samples: perMember(({ lagMs }) => [{ value: seconds(lagMs) }]),
    },
    {
      type: 'gauge',
      name: 'skein_member_heartbeat_age_seconds',
      help: 'Time since the last heartbeat of the member.',
      samples: perMember(({ lastHeartbeatMs }) => [{ value: seconds(lastHeartbeatMs) }]),
    },
    ...linkMetrics(facts.links),
    ...spoolMetrics(facts.spool),
    ...verifyMetrics(facts.verify),
  ];
}

function verifyMetrics(facts: VerifyFacts): MetricFamily[] {
  return [
    single(
      'counter',
      'skein_verify_rounds_total',
      'Comparisons of all tables that were completed.',
      facts.rounds,
    ),
    single('counter', 'skein_verify_chunks_total', 'Chunks of tables that were compared.', facts.chunks),
    single('counter', 'skein_verify_rows_total', 'Rows of the primary that were compared.', facts.rows),
    single('gauge', 'skein_verify_running', '1 while rows are compared.', facts.isRunning),
    single(
      'gauge',
      'skein_verify_last_complete_timestamp_seconds',
      'End of the last comparison of all tables, Unix time. Absent before the first one.',
      seconds(facts.lastCompleteAtMs),
    ),
    {
      type: 'gauge',
      name: 'skein_verify_tables',
      help: 'Tables by the verdict of their last comparison.',
      samples: TABLE_VERDICTS.map((verdict) => ({
        labels: { verdict },
        value: facts.tables.get(verdict) ?? 0,
      })),
    },
  ];
}

export interface SpoolFacts {
  readonly files: { readonly count: number; readonly bytes: number; readonly pendingBytes: number };
  readonly isDamaged: boolean;
  readonly fsync: Histogram;
}

export interface ReplicaFacts {
  readonly linkUp: boolean;
  readonly links: readonly PeerBytes[];
  readonly spool: SpoolFacts;
}

/** The metrics of a replica: the link to the primary, and the spool. */
export function replicaMetrics({ linkUp, links, spool }: ReplicaFacts): MetricFamily[] {
  return [
    single('gauge', 'skein_link_up', '1 while the link to the primary is up.', linkUp),
    ...linkMetrics(links),
    ...spoolMetrics(spool),
  ];
}

function spoolMetrics({ files, isDamaged, fsync }: SpoolFacts): MetricFamily[] {
  return [
    single('gauge', 'skein_spool_bytes', 'Size of the spool on disk.', files.bytes),
    single('gauge', 'skein_spool_segments', 'Files of the spool.', files.count),
    single('gauge', 'skein_spool_pending_bytes', 'Bytes that are not yet on the disk.', files.pendingBytes),
    single(
      'gauge',
      'skein_spool_damaged',
      '1 when the spool is damaged and does not count in the quorum.',
      isDamaged,
    ),
    {
      type: 'histogram',
      name: 'skein_spool_fsync_seconds',
      help: 'How long each fsync of the spool took.',
      series: [{ histogram: fsync }],
    },
  ];
}

function linkMetrics(links: readonly PeerBytes[]): MetricFamily[] {
  const counter = (name: string, help: string, value: (link: PeerBytes) => number): MetricFamily => ({
    type: 'counter',
    name,
    help,
    samples: links.map((link) => ({ labels: { peer: link.peer }, value: value(link) })),
  });
  return [
    counter('skein_link_sent_bytes_total', 'Bytes sent to the peer on its links.', ({ sent }) => sent),
    counter(
      'skein_link_received_bytes_total',
      'Bytes received from the peer on its links.',
      ({ received }) => received,
    ),
  ];
}

function stages(positions: Positions): Sample[] {
  return STAGES.map((stage) => ({ labels: { stage }, value: positions[stage] }));
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}
