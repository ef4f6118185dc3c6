import { expect, it } from 'vitest';
import { until } from '../../../test/kit/until.js';
import { EventLog } from '../../events/event-log.js';
import type { Position } from '../../model/position.js';
import { silentLogger } from '../../std/logger.js';
import type { LocalServerUp, ServerReading } from '../local-server.js';
import type { ReplicaRole } from '../replica/replica-role.js';
import type { NodeParts } from '../role-node.js';
import { ElectedTerm } from './elected-term.js';
import type { PrimaryRole } from './primary-role.js';
import type { WriteHold } from './write-hold.js';

/** A node that was elected while its server is about to be filled. */

const UP = { pid: 1, adopted: false, crashed: true, socketPath: '/s' } as LocalServerUp;

function term({ openEpoch, applying = true }: { openEpoch: number | null; applying?: boolean }) {
  const taken: string[] = [];
  const learned: number[] = [];
  const said: string[] = [];
  const executed = { value: null as Position | null };
  const openMark = { epoch: openEpoch };
  const seeding = { isRunning: true, progress: { phase: 'transferring' } };
  const role = {
    serverUp: async () => void taken.push('applies the log'),
    dataReplaced: () => taken.push('forgets the old data'),
    followedTo: 300,
    watch: () => {},
    get executed() {
      return executed.value;
    },
    checks: { closed: null },
  } as unknown as ReplicaRole;
  const made = new ElectedTerm(
    { epoch: 4, applying: applying ? role : null },
    {
      parts: {
        config: { name: 'n1', directory: '/nowhere' },
        events: new EventLog(
          { node: 'n1' },
          { logger: silentLogger, audit: { add: ({ code }) => void said.push(String(code)) } },
        ),
        cutClients: async () => {},
        logger: silentLogger,
        openMark,
        spool: { committed: () => 300, end: { epoch: 3, ordinal: 300, gtid: '0-3-300' } },
        seeding,
      } as unknown as NodeParts,
      primary: {
        replicas: {
          onCommitted: { on: () => () => {} },
          learn: (ordinal: number) => void learned.push(ordinal),
        },
        positionAt: (ordinal: number) => ({ epoch: 3, ordinal, gtid: `0-3-${ordinal}` }),
        serverUp: async () => void taken.push('is the primary'),
        standby: null,
        unfit: null,
      } as unknown as PrimaryRole,
      hold: {} as WriteHold,
      changed: () => {},
    },
  );
  return { term: made, taken, said, learned, executed, openMark, seeding };
}

it('is filled as a replica is: a snapshot counts once the log is on a majority', async () => {
  const { term: elected, taken } = term({ openEpoch: 1 });
  const target = elected.seedTarget;
  expect(target?.committed()).toBeNull();
  elected.led();
  expect(target?.committed()).toBe(300);
  expect(target?.applied()).toBe(300);
  target?.dataReplaced();
  expect(taken).toEqual(['forgets the old data']);
  await expect(target?.restartSpool({ epoch: 3, ordinal: 302, gtid: '0-1000003-302' })).rejects.toThrow(
    /0-1000003-302, after the log of this node/,
  );
});

it('leaves a server alone that was the primary of an older epoch, and takes the one with the new data', async () => {
  const { term: elected, taken, openMark, seeding } = term({ openEpoch: 1 });
  await elected.serverUp(UP);
  expect(taken).toEqual([]);
  expect(elected.fitness).toEqual({ serves: 'no' });
  // Nobody has data that could be copied: then the server may serve, if no other can.
  seeding.progress.phase = 'choosing';
  expect(elected.fitness).toEqual({ serves: 'last' });
  openMark.epoch = null;
  seeding.isRunning = false;
  await elected.serverUp({ ...UP, pid: 2 });
  expect(taken).toEqual(['applies the log']);
  expect(elected.fitness).toEqual({ serves: 'yes' });
});

it('is not filled when its server is the primary already', () => {
  expect(term({ openEpoch: 4, applying: false }).term.seedTarget).toBeNull();
});

it('knows what its server has executed to be committed, so a voter can be filled before a majority is there (rule E12)', () => {
  const { term: elected, learned, executed } = term({ openEpoch: null });
  elected.watch({} as ServerReading);
  executed.value = { epoch: 2, ordinal: 299, gtid: '0-2-299' };
  elected.watch({} as ServerReading);
  expect(learned, 'nothing is known, or the server has something else').toEqual([]);
  executed.value = { epoch: 3, ordinal: 299, gtid: '0-3-299' };
  elected.watch({} as ServerReading);
  expect(learned).toEqual([299]);
});

it('a server that died open and has what the log lacks cannot serve, and nobody waits for what it has (rule E10)', async () => {
  const { term: elected, taken, said, seeding } = term({ openEpoch: 1 });
  seeding.isRunning = false;
  await elected.serverUp(UP);
  expect(elected.fitness).toEqual({ serves: 'last' });
  elected.led();
  elected.serve();
  // The log of this server cannot even be read.
  await until('it is said', () => said.includes('SERVER_AHEAD'));
  expect(elected.fitness).toEqual({ serves: 'no' });
  expect(taken).toEqual([]);
  expect(await elected.drain('n2')).toBe(300);
});
