import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { EventLog } from '../../events/event-log.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { ORIGIN } from '../../model/position.js';
import { Spool } from '../../spool/spool.js';
import { diskStorage } from '../../spool/storage.js';
import { silentLogger } from '../../std/logger.js';
import type { NodeParts } from '../role-node.js';
import { PrimaryNode } from './primary-node.js';

let directory: string;
let spool: Spool;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'skein-primary-node-'));
  spool = await Spool.open(
    { directory: join(directory, 'spool') },
    { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText },
  );
});
afterEach(async () => {
  await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

function primaryNode(): PrimaryNode {
  const chain = [epochEntry(1, ORIGIN)];
  const parts = {
    config: {
      ...{ name: 'n1', directory, acknowledge: 'majority', hubWindowBytes: 1024, verifyIntervalHours: 0 },
      ...{ heartbeatIntervalMs: 500, lateAfterMs: 1_500, goneAfterMs: 5_000 },
    },
    ...{ logger: silentLogger, flavour: mariadb, openMark: { epoch: null } },
    chainFile: { chain },
    events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
    election: { chain },
    place: { name: 'n1' },
    spool,
    passwordOf: () => '',
    heartbeatBase: () => ({}),
  };
  return new PrimaryNode(parts as unknown as NodeParts, { epoch: 1, applying: null });
}

it('tells replicas no lag while no majority answers it: they serve no fresh reads then (rule E11)', () => {
  const node = primaryNode();
  expect(node.heartbeat().lagMs).toBe(0);
  node.term(1)?.suspend('no majority answers');
  expect(node.heartbeat().lagMs).toBeNull();
  node.term(1)?.resume();
  expect(node.heartbeat().lagMs).toBe(0);
});
