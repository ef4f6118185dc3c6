import { expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { EventLog } from '../../events/event-log.js';
import { ORIGIN } from '../../model/position.js';
import { Emitter } from '../../std/emitter.js';
import { silentLogger } from '../../std/logger.js';
import type { LocalServerUp } from '../local-server.js';
import type { NodeParts } from '../role-node.js';
import { ElectedTerm } from './elected-term.js';
import type { PrimaryRole } from './primary-role.js';
import { WriteHold } from './write-hold.js';

const UP: LocalServerUp = {
  ...{ pid: 1, adopted: false, crashed: false, serverId: 1, port: 1, socketPath: '', version: '' },
};

const member = (name: string) => ({
  ...{ name, incarnation: name, voter: true, link: { host: '127.0.0.1', port: 1 } },
  ...{ http: '', mysqlRw: null, mysqlRo: null },
});

/** `opening`: what opening the server waits for. */
function termOf(opening: Promise<void>, committed = 5, voters: readonly string[] = ['n1', 'n2', 'n3']) {
  const done: string[] = [];
  const primary = {
    isOpen: false,
    unfit: null,
    unrepaired: null as string | null,
    standby: null,
    epochs: { positionOf: () => ({ epoch: 1, ordinal: 5, gtid: '0-1-5' }) },
    replicas: { onCommitted: new Emitter<void>() },
    serverUp: async () => {
      await opening;
      primary.isOpen = true;
    },
    serverDown: () => {
      primary.isOpen = false;
    },
  };
  const control = () => ({
    closeForWrites: async () => void done.push('closed for writes'),
    status: async () => ({ gtidBinlogPos: '0-1-5' }),
    becomeReplica: async () => void done.push('a replica'),
    writeAgain: async () => void done.push('writes again'),
  });
  const hold = new WriteHold({
    ...{ logger: silentLogger, control, isOpen: () => primary.isOpen, changed: () => {} },
  });
  const parts = {
    config: { name: 'n1' },
    chainFile: { chain: [epochEntry(1, ORIGIN, voters.map(member))] },
    logger: silentLogger,
    events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
    spool: { end: { epoch: 1, ordinal: 5, gtid: '0-1-5' }, committed: () => committed },
    seeding: { isRunning: false },
    openMark: { clear: async () => void done.push('mark cleared') },
    control,
    cutClients: async () => void done.push('clients cut'),
    newServerId: async () => 7,
    kill: async () => void done.push('killed'),
  };
  const term = new ElectedTerm(
    { epoch: 1, applying: null },
    {
      parts: parts as unknown as NodeParts,
      primary: primary as unknown as PrimaryRole,
      hold,
      changed: () => {},
    },
  );
  return { term, done, hold, primary };
}

/** The server is up, the epoch is led, and what can be done at once is done. */
async function open(term: ElectedTerm): Promise<void> {
  await term.serverUp(UP);
  term.serve();
  await new Promise((resolve) => setImmediate(resolve));
}

it('a server that was opened is closed in order at the end of the epoch, and becomes a replica’s', async () => {
  const { term, done } = termOf(Promise.resolve());
  await term.serverUp(UP);
  expect(term.fitness).toEqual({ serves: 'yes' });
  term.serve();
  await new Promise((resolve) => setImmediate(resolve));
  await term.end();
  expect(done).toEqual(['clients cut', 'closed for writes', 'a replica', 'mark cleared']);
});

it('a server whose end is not committed stays marked: it serves no read before the next log has it (rule H9)', async () => {
  const { term, done } = termOf(Promise.resolve(), 4);
  await open(term);
  await term.end();
  expect(done).toEqual(['clients cut', 'closed for writes', 'a replica']);
});

it('a server that is just being opened is killed: the opening could come after the closing', async () => {
  const { term, done } = termOf(new Promise(() => {}));
  await open(term);
  await term.end();
  expect(done).toEqual(['killed']);
});

it('a server that has ended is not opened again in the same epoch', async () => {
  const { term, done } = termOf(Promise.resolve());
  await open(term);
  term.led();
  expect(term.isDecided).toBe(true);
  term.serverDown('killed');
  // It is started again when another epoch has begun.
  expect(term.isDecided).toBe(false);
  expect(term.fitness).toEqual({ serves: 'no' });
  await term.serverUp({ ...UP, crashed: true });
  expect(term.fitness).toEqual({ serves: 'no' });
  expect(await term.drain('n2')).toBe(5);
  expect(done).toEqual(['clients cut']);
});

it('the only voter begins no next epoch before the server that died is up, and its log can be read to its end', async () => {
  const { term, done } = termOf(Promise.resolve(), 5, ['n1']);
  await open(term);
  term.serverDown('killed');
  let end: number | null = -1;
  const drained = term.drain('n1').then((ordinal) => {
    end = ordinal;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(end).toBe(-1);
  await term.serverUp({ ...UP, crashed: true });
  await drained;
  expect(end).toBe(5);
  expect(done).toEqual(['clients cut', 'closed for writes']);
});

it('a primary that hands over or hears no majority serves nobody, and goes on when it keeps the lead', async () => {
  const { term, done } = termOf(Promise.resolve());
  await open(term);
  expect(term.closed).toBeNull();
  term.suspend('no majority answers');
  expect(term.closed).toMatchObject({ open: false, code: 'NO_QUORUM' });
  expect(term.lagMs).toBeNull();
  term.resume();
  expect(term.lagMs).toBe(0);
  expect(await term.drain('n2')).toBe(5);
  expect(term.closed).toMatchObject({ open: false, code: 'NOT_OPEN' });
  await term.undrain();
  expect(term.closed).toBeNull();
  expect(done).toEqual(['clients cut', 'closed for writes', 'writes again']);
});

it('a hand-over that is taken back opens no server whose disk is full', async () => {
  const { term, done, hold } = termOf(Promise.resolve());
  await open(term);
  await hold.set('the disk is full');
  await term.drain('n2');
  await term.undrain();
  expect(done).not.toContain('writes again');
  expect(hold.reason).toBe('the disk is full');
  await hold.set(null);
  expect(done.at(-1)).toBe('writes again');
});

it('a disk that has room again opens no server that is drained', async () => {
  const { term, done, hold } = termOf(Promise.resolve());
  await open(term);
  await hold.set('the disk is full');
  await term.drain('n2');
  await hold.set(null);
  expect(done).not.toContain('writes again');
  await term.undrain();
  expect(done.at(-1)).toBe('writes again');
});

it('a hand-over that begins while the last one is taken back leaves the server closed', async () => {
  const { term, done } = termOf(Promise.resolve());
  await open(term);
  const first = term.drain('n2');
  const undrained = term.undrain();
  expect(await term.drain('n3')).toBe(5);
  await Promise.all([first, undrained]);
  expect(done.at(-1)).toBe('closed for writes');
  expect(term.closed).toMatchObject({ open: false, reason: expect.stringContaining('n3') });
});

it('a server that differs from its log serves only if nobody else can: the lead is handed over', async () => {
  const { term, done, primary } = termOf(new Promise(() => {}));
  await term.serverUp(UP);
  term.serve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(term.fitness).toEqual({ serves: 'yes' });
  primary.unrepaired = 'a table cannot be read';
  expect(term.fitness).toEqual({ serves: 'last' });
  // It has taken no writes, and the opening may still end: nothing is closed on the server meanwhile.
  expect(await term.drain('n2')).toBe(5);
  expect(done).toEqual(['clients cut']);
  await term.end();
  expect(done).toEqual(['clients cut', 'killed']);
});

it('a server that is opened while the lead is handed over is closed in order at the end', async () => {
  let open = () => {};
  const { term, done } = termOf(
    new Promise((resolve) => {
      open = resolve;
    }),
  );
  await term.serverUp(UP);
  term.serve();
  await new Promise((resolve) => setImmediate(resolve));
  await term.drain('n2');
  open();
  await new Promise((resolve) => setImmediate(resolve));
  await term.end();
  expect(done).toEqual(['clients cut', 'clients cut', 'closed for writes', 'a replica', 'mark cleared']);
});
