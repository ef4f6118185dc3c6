import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { gtidIn } from '../../../test/kit/gtid.js';
import { attachInfo } from '../../../test/kit/link.js';
import { until } from '../../../test/kit/until.js';
import { EventLog } from '../../events/event-log.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import { ORIGIN } from '../../model/position.js';
import type { AcknowledgeLevel } from '../../model/status.js';
import { Spool } from '../../spool/spool.js';
import { diskStorage } from '../../spool/storage.js';
import { silentLogger } from '../../std/logger.js';
import { ChainFile } from '../chain-file.js';
import type { LocalControl, LocalServerUp, ServerReading } from '../local-server.js';
import { LogEndFile } from '../log-end-file.js';
import { OpenMark } from '../open-mark.js';
import type { ElectionPort } from '../role-node.js';
import { xaFile } from '../xa-file.js';
import { BootNumbers } from './boot-numbers.js';
import { definitionsFile } from './definitions-file.js';
import { PrimaryRole } from './primary-role.js';

let directory: string;
let role: PrimaryRole | undefined;
let spool: Spool;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-primary-'));
  spool = await Spool.open(
    { directory: join(directory, 'spool') },
    { storage: diskStorage, logger: silentLogger, gtidText: mariadb.gtidText },
  );
});

afterEach(async () => {
  role?.stop();
  await spool.close();
  await rm(directory, { recursive: true, force: true });
});

/** A server with an empty log that refuses this many attempts to open it. */
function serverThatRefuses(
  times: number,
  gtidBinlogPos = '',
): { control: LocalControl; opened: () => number[] } {
  const opened: number[] = [];
  let refusals = times;
  const reading: ServerReading = {
    gtidBinlogPos,
    gtidSlavePos: '',
    readOnly: true,
    serverId: 1,
    semiSync: { enabled: true, clients: 0, waitSessions: 0, noTx: 0 },
    syncBinlog: 1,
    flushAtTrxCommit: 1,
    batchesCommits: null,
  };
  const control: Partial<LocalControl> = {
    status: async () => reading,
    waitForAcknowledgements: async () => {},
    preparedBranches: async () => [],
    logBegin: async () => '',
    tableIdMax: async () => 1,
    partitionIds: async () => '',
    now: async () => '2026-01-01 00:00:00',
    openAsPrimary: async ({ serverId }) => {
      if (refusals-- > 0) throw new Error('some sessions remain');
      opened.push(serverId);
    },
  };
  return { control: control as LocalControl, opened: () => opened };
}

const up: LocalServerUp = {
  pid: 1,
  adopted: false,
  crashed: false,
  serverId: 1,
  port: 1,
  socketPath: join(tmpdir(), 'skein-nobody-listens-here'),
  version: '10.11',
};

const place = {
  ...{ name: 'n1', link: { host: '127.0.0.1', port: 7083 }, http: 'http://127.0.0.1:8083' },
  ...{ mysqlRw: null, mysqlRo: null },
};
const members = () => [{ ...place, incarnation: spool.incarnation, voter: true }];

/** A role in epoch 1, which a majority has. */
async function roleOf(
  control: LocalControl,
  chainFile: ChainFile,
  acknowledge: AcknowledgeLevel = 'majority',
): Promise<PrimaryRole> {
  const election = electionOf(chainFile);

  role = new PrimaryRole(
    {
      node: 'n1',
      place,
      acknowledge,
      hubWindowBytes: 1024,
      annotateRows: false,
      replicationUser: 'nobody',
      replicationPassword: '',
      retryMs: 20,
    },
    {
      logger: silentLogger,
      flavour: mariadb,
      chainFile,
      xaFile: xaFile(directory),
      logEndFile: new LogEndFile(directory, { logger: silentLogger }),
      boots: new BootNumbers(directory, { logger: silentLogger }),
      definitionsFile: definitionsFile(directory),
      openMark: new OpenMark(directory),
      election,
      events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
      control: () => control,
      spool,
      fail: () => {},
      kill: async () => {},
      crashHandled: async () => {},
      isHeard: () => true,
      prepareSystem: async () => {},
    },
  );
  await role.begin();
  role.led();
  return role;
}

/** The election of the only voter: what it writes is on a majority at once. */
function electionOf(chainFile: ChainFile): ElectionPort {
  const port: Partial<ElectionPort> = {
    chain: chainFile.chain,
    served: () => {},
    changeMembers: (members) => chainFile.save([{ ...epochEntry(1, ORIGIN, members), number: 1 }]),
  };
  return port as ElectionPort;
}

it('tries again in the same epoch when the server could not be opened', async () => {
  const chainFile = new ChainFile(directory);
  await chainFile.save([epochEntry(1, ORIGIN, members())]);
  const { control, opened } = serverThatRefuses(2);
  const role = await roleOf(control, chainFile);
  const opening = role.serverUp(up);
  await until('the role reports that it tries again', () => role.reason?.includes('some sessions remain'), {
    intervalMs: 1,
  });
  await opening;
  expect(role.isOpen).toBe(true);
  expect(opened()).toEqual([mariadb.epochServerId(1)]);
  role.end('another epoch has begun');
  expect(role.isOpen).toBe(false);
  expect(role.welcome(attachInfo('n2'))).toMatchObject({ refuse: 'NOT_OPEN' });
});

it('makes automatic changes of the list as soon as it is open, without another event', async () => {
  const chainFile = new ChainFile(directory);
  const before = members().map((member) => ({ ...member, http: 'http://127.0.0.1:1' }));
  await chainFile.save([epochEntry(1, ORIGIN, before)]);
  const role = await roleOf(serverThatRefuses(0).control, chainFile);
  await role.serverUp(up);
  await until('the list has the address of the node', () => {
    return chainFile.chain.at(-1)?.members?.[0]?.http === place.http;
  });
});

it('does not open a server that has more than the log, and says that it cannot serve (rule E10)', async () => {
  const chainFile = new ChainFile(directory);
  await chainFile.save([epochEntry(1, ORIGIN, members())]);
  const { control, opened } = serverThatRefuses(0, gtidIn(1, 3));
  const role = await roleOf(control, chainFile);
  await role.serverUp(up);
  expect([role.isOpen, opened()]).toEqual([false, []]);
  expect(role.unfit).toMatch(/ends at 0-\d+-3.*filled from another node/);
  expect(role.reason).toBe(role.unfit);
});

it('with `all`, nobody waits for what is before the beginning of the epoch when a majority has that (rule M5)', async () => {
  const chainFile = new ChainFile(directory);
  const at5 = { epoch: 0, ordinal: 5, gtid: gtidIn(0, 5) };
  const [gtid, previousGtid] = [5, 4].map((ordinal) => mariadb.gtidBinary(gtidIn(0, ordinal)));
  if (!gtid || !previousGtid) throw new Error('no name');
  await spool.restartAfter({ epoch: 0, ordinal: 5, gtid, previousGtid });
  const others = ['n2', 'n3'].map((name) => ({ ...place, name, incarnation: name, voter: true }));
  await chainFile.save([epochEntry(1, at5, [...members(), ...others])]);
  const role = await roleOf(serverThatRefuses(0).control, chainFile, 'all');
  expect([role.quorum.answered, role.quorum.committed]).toEqual([5, 5]);
});
