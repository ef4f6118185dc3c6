import { join } from 'node:path';
import type { NodeConfig } from '../../config/node-config.js';
import type { EventLog } from '../../events/event-log.js';
import type { Flavour } from '../../flavour/flavour.js';
import type { MariadbControl } from '../../mysql-control/control.js';
import { logFileBegin, logFiles } from '../../mysql-control/log-files.js';
import type { RoleNode } from '../../roles/role-node.js';
import { xaFile } from '../../roles/xa-file.js';
import type { ManagedServer } from '../../server-process/managed-server.js';
import { monotonicMs } from '../../std/clock.js';
import type { Logger } from '../../std/logger.js';
import { Retention } from './retention.js';

const HOUR_MS = 3_600_000;
/** A primary's dump begins one transaction before the answered position, so the log must still have that one (rule C2). */
const READ_AGAIN = 2;
/** Without an open XA transaction, the agreed position of log and engine advances about every two minutes (XaRecovery). */
const XA_STUCK_MS = 10 * 60_000;

export interface NodeRetentionModules {
  readonly logger: Logger;
  readonly events: EventLog;
  readonly control: MariadbControl;
  readonly server: ManagedServer;
  readonly role: RoleNode;
  readonly flavour: Pick<Flavour, 'countOf' | 'beginOfHead'>;
  /** The warnings in the status document have changed. */
  changed(): void;
}

/** Builds Retention from the parts of a node. */
export function nodeRetention(config: NodeConfig, modules: NodeRetentionModules): Retention {
  const { control, server, role, events, flavour, changed } = modules;
  const spoolDirectory = join(config.directory, 'spool');
  const { logBytes, logHours, freeBytesMin } = config.retention;
  let agreed = { ordinal: -1, sinceMs: 0 };
  const xa = xaFile(join(config.directory, 'state'));
  return new Retention(
    {
      node: config.name,
      limits: { bytes: logBytes, ageMs: logHours * HOUR_MS },
      freeBytesMin,
      dataDirectory: config.witness ? null : server.dataDir,
      spoolDirectory,
    },
    {
      logger: modules.logger.child({ part: 'retention' }),
      events,
      changed,
      logFiles: () => logFiles(server.dataDir),
      // Where an operator has the server encrypt its log, only the server can read it.
      logFileBegin: async (name) =>
        (await logFileBegin(join(server.dataDir, name), flavour)) ?? control.logFileBegin(name),
      purgeLogs: (before) => control.purgeLogs(before),
      keepLogs: () => control.keepLogs(),
      countOf: (position) => flavour.countOf(position),
      serverPid: () => server.current?.pid ?? null,
      role: {
        get role() {
          return role.role;
        },
        isOpen: () => role.isOpen(),
        clusterStatus: () => role.clusterStatus(),
        holdWrites: (reason) => role.holdWrites(reason),
        durable: () => {
          const { count, committed, answered } = role.positions();
          if (role.role === 'replica') return committed;
          return count === null ? null : Math.min(committed, answered) - READ_AGAIN;
        },
      },
      // With `async` an open primary records no agreed position.
      xaAgreed: async () => {
        if (role.role === 'primary' && config.acknowledge === 'async') return null;
        const { ordinal } = (await xa.load()).at;
        if (ordinal !== agreed.ordinal) agreed = { ordinal, sinceMs: monotonicMs() };
        return { ordinal, isStuck: monotonicMs() - agreed.sinceMs > XA_STUCK_MS };
      },
    },
  );
}
