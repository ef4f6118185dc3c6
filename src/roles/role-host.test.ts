import { afterEach, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { EventLog } from '../events/event-log.js';
import { silentLogger } from '../std/logger.js';
import type { LocalServerUp } from './local-server.js';
import { NoRole } from './no-role.js';
import { RoleHost } from './role-host.js';
import type { Assignment, NodeParts, RoleScope } from './role-node.js';

/** The calls, in order. */
let said: string[];
let host: RoleHost | undefined;
afterEach(() => host?.stop());

const PARTS = {
  config: { name: 'n1', cluster: 'c', voters: ['n1', 'n2'], acknowledge: 'majority' },
  logger: silentLogger,
  events: new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } }),
  chainFile: { chain: [] },
} as unknown as NodeParts;

interface Behaviour {
  start?: () => Promise<void>;
  /** What `end` waits for. */
  end?: () => Promise<void>;
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
  override async end(next: Assignment = PRIMARY) {
    said.push(`${this.role} ends for ${next.kind}`);
    await this.#behaviour.end?.();
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

/** The behaviours of the roles after the first, in which the node follows nobody. */
async function start(behaviours: Behaviour[] = []): Promise<RoleHost> {
  said = [];
  const roles = [{}, ...behaviours];
  host = new RoleHost(PARTS, (next): RoleScope => new Told(next, roles.shift() ?? {}));
  await host.start();
  expect(said.splice(0)).toEqual(['replica starts']);
  return host;
}

const PRIMARY: Assignment = { kind: 'primary', epoch: 1 };
const server = (pid: number): LocalServerUp => ({
  ...{ pid, adopted: false, crashed: true, serverId: 1, port: 1, socketPath: '', version: '' },
});
const replica = (primary: string): Assignment => ({ kind: 'replica', primary, epoch: 2 });
const has = (text: string) =>
  until(text, () => said.includes(text), { intervalMs: 1, context: () => said.join('\n') });

it('one role has ended before the next one begins and gets the server', async () => {
  const host = await start();
  await host.change(PRIMARY);
  host.serverUp(server(7));
  await has('primary takes server 7, crashed');
  await host.change(replica('n2'));
  await has('replica takes server 7, running');
  expect(said).toEqual([
    'replica ends for primary',
    'replica has ended',
    'primary starts',
    'primary takes server 7, crashed',
    'primary ends for replica',
    'primary has ended',
    'replica starts',
    // The previous role has handled the crash.
    'replica takes server 7, running',
  ]);
  await host.change(replica('n3'));
  await has('follows n3');
  expect(host.role).toBe('replica');
});

it('between two roles the node serves no client, and reports its next role', async () => {
  let finish = () => {};
  const host = await start([{ end: () => new Promise((resolve) => (finish = resolve)) }]);
  await host.change(PRIMARY);
  host.serverUp(server(7));
  await has('primary takes server 7, crashed');
  const seen: string[] = [];
  host.onChange.on(() => seen.push(`${host.role} ${host.isOpen().open}`));
  const changed = host.change(replica('n2'));
  await has('primary ends for replica');
  finish();
  await changed;
  await has('replica takes server 7, running');
  expect(seen.slice(0, 2)).toEqual(['replica false', 'replica false']);
});

it('a role that could not start is stopped', async () => {
  const host = await start([{ start: () => Promise.reject(new Error('no port is free')) }]);
  await expect(host.change(PRIMARY)).rejects.toThrow('no port is free');
  expect(said).toEqual(['replica ends for primary', 'replica has ended', 'primary stops']);
  expect(host.isOpen().open).toBe(false);
});

it('a server that crashes and restarts during a change goes to the new role, marked as crashed', async () => {
  let finish = () => {};
  const host = await start([{ end: () => new Promise((resolve) => (finish = resolve)) }]);
  await host.change(PRIMARY);
  host.serverUp(server(7));
  await has('primary takes server 7, crashed');
  const changed = host.change(replica('n2'));
  await has('primary ends for replica');
  host.serverDown('killed');
  finish();
  await changed;
  host.serverUp(server(8));
  await has('replica takes server 8, crashed');
  expect(said).not.toContain('replica takes server 7, running');
});

it('reports once why the role could not take the server, and stops trying when the server is gone', async () => {
  let tries = 0;
  const host = await start([
    {
      takeServer: async () => {
        tries++;
        throw new Error('no session is free');
      },
    },
  ]);
  await host.change(PRIMARY);
  host.serverUp(server(7));
  await until('it was tried', () => tries > 0, { intervalMs: 1 });
  host.serverDown('killed');
  const events = PARTS.events.ring
    .since(0)
    .events.filter(({ data }) => data.reason.includes('no session is free'));
  expect(events).toHaveLength(1);
});
