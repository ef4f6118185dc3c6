import type { ReplicaSession } from '../../../link/listener-session.js';
import { messageOf } from '../../../model/error.js';
import type { Position } from '../../../model/position.js';
import type { ChunkSums, TableName } from '../../../model/verify.js';
import type { KeyRange } from '../../../verify/key-range.js';
import type { Snapshot } from '../../../verify/snapshot.js';
import type { SqlSession } from '../../../verify/sql-session.js';
import type { TableShape } from '../../../verify/table-shape.js';
import { type AgreeModules, agreeOnPosition, untilRead } from './agree.js';
import { askPeer } from './peer.js';

export interface SnapshotSetModules extends AgreeModules {
  session(): Promise<SqlSession>;
}

/** One node's checksums of a chunk; null = the node does not have the table. */
export type NodeChunk = { readonly digest: string; readonly sums: ChunkSums } | null;

export interface ComparedChunk {
  readonly range: KeyRange;
  readonly shape: TableShape | null;
  readonly sums: ChunkSums | null;
  readonly others: ReadonlyMap<string, NodeChunk>;
}

/**
 * Snapshots of the primary and of replicas at one position, from which chunks are compared while writes go on. They are used
 * for some seconds only, because an old snapshot keeps the engine from purging old row versions.
 */
export class SnapshotSet {
  readonly position: Position;
  /** Replicas that take part, by name. */
  readonly peers = new Map<string, ReplicaSession>();
  /** Why the other replicas do not take part, by name. */
  readonly leftOut = new Map<string, string>();
  readonly heldMsMax: number;
  readonly openedAtMs = performance.now();
  readonly #snapshot: Snapshot;
  readonly #modules: SnapshotSetModules;

  private constructor(
    modules: SnapshotSetModules,
    opened: { snapshot: Snapshot; position: Position; heldMsMax: number },
  ) {
    this.#modules = modules;
    this.#snapshot = opened.snapshot;
    this.position = opened.position;
    this.heldMsMax = opened.heldMsMax;
  }

  /**
   * Opens the snapshots, without the replicas that do not reach the position.
   * @throws SkeinError VERIFY_NO_POSITION, and errors of the local server
   */
  static async open(replicas: readonly ReplicaSession[], modules: SnapshotSetModules): Promise<SnapshotSet> {
    const session = await modules.session();
    const leftOut = new Map<string, string>();
    const held: { replica: ReplicaSession; released: number }[] = [];
    const each = (does: (replica: ReplicaSession) => Promise<void>) => (replica: ReplicaSession) =>
      does(replica).catch((error: unknown) => void leftOut.set(replica.node, messageOf(error)));
    try {
      await Promise.all(
        replicas.map(
          each(async (replica) => {
            const { released } = await askPeer(replica, { kind: 'hold' }, 'held');
            held.push({ replica, released });
          }),
        ),
      );
      const least = Math.max(0, ...held.map(({ released }) => released));
      const agreed = await agreeOnPosition(session, least, modules);
      const opened = new Map<string, { replica: ReplicaSession; heldMs: number }>();
      const { ordinal, gtid } = agreed.position;
      await Promise.all(
        held.map(({ replica }) =>
          each(async () => {
            const { heldMs } = await askPeer(replica, { kind: 'open', place: { ordinal, gtid } }, 'opened');
            opened.set(replica.node, { replica, heldMs });
          })(replica),
        ),
      );
      const heldMsMax = Math.max(0, ...[...opened.values()].map(({ heldMs }) => heldMs));
      const snapshots = new SnapshotSet(modules, { ...agreed, heldMsMax });
      for (const { node } of replicas) {
        const found = opened.get(node);
        if (found) snapshots.peers.set(node, found.replica);
        else snapshots.leftOut.set(node, leftOut.get(node) ?? 'It did not take part.');
      }
      return snapshots;
    } catch (error) {
      session.destroy();
      for (const { replica } of held) void askPeer(replica, { kind: 'close' }, 'closed').catch(() => {});
      throw error;
    }
  }

  close(): void {
    this.#snapshot.close();
    for (const replica of this.peers.values())
      void askPeer(replica, { kind: 'close' }, 'closed').catch(() => {});
  }

  get ageMs(): number {
    return performance.now() - this.openedAtMs;
  }

  ownTables(): Promise<TableName[]> {
    return this.#snapshot.tables();
  }

  async tablesOf(node: string): Promise<TableName[]> {
    const replica = this.peers.get(node);
    const all: TableName[] = [];
    while (replica) {
      const after: TableName | null = all.at(-1) ?? null;
      const { tables } = await askPeer(replica, { kind: 'tables', after }, 'tables');
      if (tables.length === 0) break;
      all.push(...tables);
    }
    return all;
  }

  /**
   * Compares the next `rows` rows of the range on all nodes. A replica that fails is left out from then on. Null: DDL has
   * changed the table since the position, so some nodes may have been read before it and others after it.
   */
  async compare(table: TableName, range: KeyRange, rows: number): Promise<ComparedChunk | null> {
    const snapshot = this.#snapshot;
    let failed: unknown = null;
    let logEnd = '';
    const others = new Map<string, NodeChunk>();
    const unheard = new Map<string, unknown>();
    let own: { shape: TableShape; sums: ChunkSums } | null = null;
    let part = range;
    try {
      part = { after: range.after, upTo: (await snapshot.border(table, range, rows)) ?? range.upTo };
      const asked = [...this.peers].map(async ([node, replica]) => {
        try {
          const question = { kind: 'chunk' as const, table: { ...table }, range: wire(part) };
          others.set(node, (await askPeer(replica, question, 'chunk')).chunk);
        } catch (error) {
          unheard.set(node, error);
        }
      });
      try {
        own = await snapshot.chunk(table, part, async () => {
          logEnd = await snapshot.logEnd();
        });
      } finally {
        await Promise.all(asked);
      }
    } catch (error) {
      failed = error;
    }
    // Everything that any node has executed by now is in this log.
    await untilRead(logEnd || (await snapshot.logEnd()), this.#modules);
    if (this.#modules.trail.touched(table, this.position.ordinal)) return null;
    if (failed !== null) throw failed;
    for (const [node, error] of unheard) this.#leaveOut(node, error);
    return { range: part, shape: own?.shape ?? null, sums: own?.sums ?? null, others };
  }

  #leaveOut(node: string, error: unknown): void {
    this.peers.delete(node);
    this.leftOut.set(node, messageOf(error));
  }
}

function wire({ after, upTo }: KeyRange) {
  return { after: after && [...after], upTo: upTo && [...upTo] };
}
