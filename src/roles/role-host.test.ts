import { afterEach, expect, it, vi } from 'vitest';
import { until } from '../../test/kit/until.js';
import type { Assignment, Election } from '../election/election.js';
import { EventLog } from '../events/event-log.js';
import { silentLogger } from '../std/logger.js';
import type { LocalServerUp } from './local-server.js';
import { NoRole } from './no-role.js';
import { RoleHost } from './role-host.js';
import type { NodeParts, RoleScope } from './role-node.js';

/** The calls, in order. */
let said: string[];
let host: RoleHost | undefined;
afterEach(() => host?.stop());

class Hand implements Election {
  #told: Assignment[] = [];
  #wake = () => {};

  tell(assignment: Assignment): void {
    this.#told.push(assignment);
    this.#wake();
  }

  async next(signal: AbortSignal): Promise<Assignment> {
    for (;;) {
      const next = this.#told.shift();
      if (next) return next;
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    }
  }

  async newEpoch(known: number): Promise<number> {
    return known + 1;
  }
}

const PARTS = {
  config: { name: 'n1', cluster: 'c', voters: ['n1', 'n2'], acknowledge: 'majority' },
  logger: silentLogger,
  events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
  chainFile: { chain: [] },
} as unknown as NodeParts;

interface Behaviour {
  start?: () => Promise<void>;
  /** What `end` waits for. */
  end?: (signal: AbortSignal) => Promise<void>;
  takeServer?: () => Promise<void>;
}

/** A role that records its calls. For everything else it behaves as NoRole. */
class Told extends NoRole {
  readonly #behaviour: Behaviour;
  isServing = false;

  constructor(next: Assignment, behaviour: Behaviour) {
    super(PARTS, next);
    this.#behaviour = behaviour;
  }

  override async start(): Promise<void> {
    await this.#behaviour.start?.();
    said.push(`${this.role} starts`);
  }
  override async stop(): Promise<void> {
    said.push(`${this.role} stops`);
  }
  override async end(
    next: Assignment = { kind: 'replica', primary: null },
    signal = new AbortController().signal,
  ) {
    said.push(`${this.role} ends for ${next.kind}`);
    await this.#behaviour.end?.(signal);
    said.push(`${this.role} has ended`);
    return null;
  }
  override async serverUp(up?: LocalServerUp): Promise<void> {
    await this.#behaviour.takeServer?.();
    said.push(
      `${this.role} takes server ${up?.pid}${up?.crashed ? ', crashed' : ''}${up?.adopted ? ', running' : ''}`,
    );
    this.isServing = true;
  }
  override serverDown(reason?: string): void {
    said.push(`${this.role} loses it: ${reason}`);
  }
  override follow(primary: string | null = null): void {
    said.push(`follows ${primary}`);
  }
  override isOpen() {
    return this.isServing ? ({ open: true } as const) : super.isOpen();
  }
}

function start(behaviours: Behaviour[] = []): { hand: Hand; host: RoleHost } {
  said = [];
  const hand = new Hand();
  const created = new RoleHost(PARTS, hand, (next): RoleScope => new Told(next, behaviours.shift() ?? {}));
  host = created;
  return { hand, host: created };
}

const server = (pid: number): LocalServerUp => ({
  ...{ pid, adopted: false, crashed: true, serverId: 1, port: 1, socketPath: '', version: '' },
});
const replica = (primary: string): Assignment => ({ kind: 'replica', primary });
const has = (text: string) =>
  until(text, () => said.includes(text), { intervalMs: 1, context: () => said.join('\n') });

it('one role has ended before the next one begins and gets the server', async () => {
  const { hand, host } = start();
  hand.tell({ kind: 'primary' });
  await host.start();
  host.serverUp(server(7));
  await has('primary takes server 7, crashed');
  hand.tell(replica('n2'));
  await has('replica takes server 7, running');
  expect(said).toEqual([
    'primary starts',
    'primary takes server 7, crashed',
    'primary ends for replica',
    'primary has ended',
    'replica starts',
    // The previous role has handled the crash.
    'replica takes server 7, running',
  ]);
  hand.tell(replica('n3'));
  await has('follows n3');
  expect(host.role).toBe('replica');
});

it('between two roles the node serves no client, and reports its next role', async () => {
  let finish = () => {};
  const { hand, host } = start([{ end: () => new Promise((resolve) => (finish = resolve)) }]);
  hand.tell(replica('n2'));
  await host.start();
  host.serverUp(server(7));
  await has('replica takes server 7, crashed');
  const seen: string[] = [];
  host.onChange.on(() => seen.push(`${host.role} ${host.isOpen().open}`));
  hand.tell({ kind: 'primary' });
  await has('replica ends for primary');
  finish();
  await has('primary takes server 7, running');
  expect(seen.slice(0, 2)).toEqual(['primary false', 'primary false']);
});

it('a superseded role change is aborted, if the current role can be kept', async () => {
  const aborts = (signal: AbortSignal) =>
    new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  const { hand, host } = start([{ end: aborts }]);
  hand.tell(replica('n2'));
  await host.start();
  hand.tell({ kind: 'primary' });
  await has('replica ends for primary');
  hand.tell(replica('n3'));
  await has('follows n3');
  expect(said).toEqual(['replica starts', 'replica ends for primary', 'follows n3']);
});

it('a role that could not start is stopped, and the change is tried again', async () => {
  const failing = { start: () => Promise.reject(new Error('no port is free')) };
  const { hand, host } = start([{}, failing]);
  hand.tell({ kind: 'primary' });
  await host.start();
  vi.useFakeTimers();
  try {
    hand.tell(replica('n2'));
    await vi.advanceTimersByTimeAsync(0);
    expect(said).toEqual([
      'primary starts',
      'primary ends for replica',
      'primary has ended',
      'replica stops',
    ]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(said.slice(4)).toEqual(['replica starts']);
  } finally {
    vi.useRealTimers();
  }
});

it('a server that crashes and restarts during a change goes to the new role, marked as crashed', async () => {
  let finish = () => {};
  const { hand, host } = start([{ end: () => new Promise((resolve) => (finish = resolve)) }]);
  hand.tell({ kind: 'primary' });
  await host.start();
  host.serverUp(server(7));
  await has('primary takes server 7, crashed');
  hand.tell(replica('n2'));
  await has('primary ends for replica');
  host.serverDown('killed');
  finish();
  await has('replica starts');
  host.serverUp(server(8));
  await has('replica takes server 8, crashed');
  expect(said).not.toContain('replica takes server 7, running');
});

it('reports once why the role could not take the server, and stops trying when the server is gone', async () => {
  let tries = 0;
  const { hand, host } = start([
    {
      takeServer: async () => {
        tries++;
        throw new Error('no session is free');
      },
    },
  ]);
  hand.tell(replica('n2'));
  await host.start();
  host.serverUp(server(7));
  await until('it was tried', () => tries > 0, { intervalMs: 1 });
  host.serverDown('killed');
  const events = PARTS.events.ring
    .since(0)
    .events.filter(({ data }) => data.reason.includes('no session is free'));
  expect(events).toHaveLength(1);
});
