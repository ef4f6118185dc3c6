import { join } from 'node:path';
import { LagMeter } from '../../membership/lag.js';
import { monotonicMs } from '../../std/clock.js';
import { LogEndFile } from '../log-end-file.js';
import type { NodeParts } from '../role-node.js';
import { xaFile } from '../xa-file.js';
import { ddlNoteFile } from './ddl-note.js';
import type { ReplicaRoleModules } from './replica-parts.js';
import { ReplicaRole } from './replica-role.js';

type Link = Pick<ReplicaRoleModules, 'ack' | 'adopted' | 'resumeLink' | 'restartSpool'>;

/** Builds the replica's work from the parts of the node. `link`: to the primary, and what depends on it. */
export function replicaRoleOf(parts: NodeParts, link: Link): ReplicaRole {
  const { config, logger, flavour, chainFile, events } = parts;
  return new ReplicaRole(
    {
      node: config.name,
      place: parts.place,
      boot: parts.boot,
      endpointUser: 'skein_endpoint',
      endpointPassword: parts.passwordOf('skein_endpoint'),
      applierStallMs: config.applierStallMs,
      replicationUser: 'skein_repl',
      replicationPassword: parts.passwordOf('skein_repl'),
    },
    {
      logger: logger.child({ part: 'replica' }),
      flavour,
      chainFile,
      ddlNote: ddlNoteFile(join(config.directory, 'state')),
      xaFile: xaFile(join(config.directory, 'state')),
      logEndFile: new LogEndFile(join(config.directory, 'state'), { logger }),
      events,
      spool: parts.spool,
      seeding: parts.seeding,
      lag: new LagMeter({}, { nowMs: monotonicMs(), wallMs: Date.now() }),
      control: () => parts.control(),
      ...link,
      chainChanged: (chain) => parts.election.chainFollowed(chain),
      crashHandled: () => parts.crashHandled(),
      kill: (reason) => void parts.kill(reason),
      fail: (error) => parts.fail(error),
    },
  );
}
