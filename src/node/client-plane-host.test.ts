import type { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FakePlaneData } from '../../test/kit/planes/client-plane.js';
import { threadOf } from '../../test/kit/planes/thread.js';
import { throughout, until } from '../../test/kit/until.js';
import { silentLogger } from '../std/logger.js';
import { AuditRelay } from './audit-relay.js';
import { ClientPlaneHost, type ClientPlaneTimes } from './client-plane-host.js';
import { PlanePublisher } from './plane-publisher.js';

type Behaviour = FakePlaneData['behaviour'];

let thread: Awaited<ReturnType<typeof threadOf>>;
beforeAll(async () => {
  thread = await threadOf(new URL('../../test/kit/planes/client-plane.ts', import.meta.url));
});

const hosts: ClientPlaneHost[] = [];
afterEach(() => {
  for (const plane of hosts.splice(0)) plane.abandon();
});

/** A host whose client planes behave as the list says, one after the other; the last again and again. */
function host(behaviours: Behaviour[], times: Partial<ClientPlaneTimes> = {}) {
  const audit = new AuditRelay();
  const restarts: string[] = [];
  const lines: string[] = [];
  const running: Worker[] = [];
  const publisher = new PlanePublisher({
    role: {
      role: 'replica',
      epoch: () => 1,
      isOpen: () => ({ open: true }),
      positions: () => ({
        ...{ count: null, received: 1, committed: 1, everywhere: 0, answered: 0, applied: 1 },
        ...{ durable: [], lagMs: 0 },
      }),
    },
    chain: () => [],
    generation: () => 1,
    facts: () => ({
      closedReason: null,
      ready: { ok: true, state: 'live', reason: null },
      ...{ server: null, primary: null, primaryHttp: null, voters: [] },
    }),
  });
  const plane = new ClientPlaneHost(
    {
      logger: silentLogger,
      publisher,
      audit,
      spawn: ({ memory }) => {
        const behaviour = behaviours.length > 1 ? behaviours.shift() : behaviours[0];
        const worker = thread({ workerData: { memory, behaviour } });
        running.push(worker);
        return worker;
      },
      answer: () => Promise.reject(new Error('the answer failed')),
      readNow() {},
      loginRefused() {},
      log: (more) => lines.push(...more),
      follow() {},
      restarted: (reason) => restarts.push(reason),
    },
    times,
  );
  hosts.push(plane);
  return { plane, running, audit, publisher, restarts, lines };
}

const anEvent = (subject: string) =>
  ({
    kind: 'event',
    event: { id: 1, event: 'link.up', data: { at: '', node: 'n1', subject, reason: '' } },
  }) as const;

describe('ClientPlaneHost', () => {
  it('starts a client plane, knows its connections, and ends it in order', async () => {
    const { plane, publisher, audit } = host(['good']);
    await plane.start();
    await until('the connections are told', () => publisher.mysqlConnections?.readWrite === 3);
    audit.add({ kind: 'node', action: 'stop' });
    await plane.stop();
    expect(await plane.end()).toBe('written');
    expect(publisher.mysqlConnections).toBeNull();
  });

  it('gives the error of a client plane that cannot start, and starts no other', async () => {
    const { plane, running, restarts } = host(['port taken']);
    await expect(plane.start()).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: 'HTTP port 1 is taken.',
    });
    await throughout('no other is started', 300, () => running.length === 1);
    expect(restarts).toEqual([]);
    expect(await plane.end()).toBe('not written');
  });

  it('starts another one for one that fails, which gets the lines that the first did not write', async () => {
    const { plane, running, audit, restarts } = host(['throws', 'good']);
    await plane.start();
    await until('the first has failed', () => restarts.length === 1);
    expect(restarts).toEqual(['a fault of the client plane']);
    audit.add({ kind: 'event' });
    await until('the second runs', () => running.length === 2);
    // Its answer to each line is what `end` waits for; nothing is left to be written by the node itself.
    expect(await plane.end()).toBe('written');
    const left: unknown[] = [];
    audit.attach((line) => left.push(line));
    expect(left).toEqual([]);
  });

  it('ends one whose event loop does not turn, and starts another', async () => {
    const { plane, running, restarts } = host(['hangs', 'good'], { hungMs: 500 });
    await plane.start();
    await until('the second runs', () => running.length === 2);
    expect(restarts).toEqual(['its event loop did not turn for 500 ms']);
    expect(await plane.end()).toBe('written');
  });

  it('leaves one alone that turns', async () => {
    const { plane, restarts } = host(['good'], { hungMs: 2_000 });
    await plane.start();
    await throughout('it is not started again', 3_000, () => restarts.length === 0);
  });

  it('knows that connections are cut when the client plane says so', async () => {
    const { plane, running } = host(['good'], { cutMs: 10_000 });
    await plane.start();
    await plane.cut();
    expect(running).toHaveLength(1);
    expect(await plane.end()).toBe('written');
  });

  it.each(['hangs', 'deaf'] as const)('ends one that %s when it has to cut', async (behaviour) => {
    const { plane, running, restarts } = host([behaviour, 'good'], { cutMs: 200, hungMs: 60_000 });
    await plane.start();
    if (behaviour === 'hangs') await throughout('it begins to hang', 100, () => true);
    await plane.cut();
    await until('the second runs', () => running.length === 2);
    expect(restarts).toEqual(['it did not cut its connections within 200 ms']);
  });

  it('has nothing to cut while none runs', async () => {
    const { plane } = host(['port taken'], { cutMs: 60_000 });
    await plane.start().catch(() => {});
    await plane.cut();
  });

  it('does not wait for one that does not stop', async () => {
    const { plane } = host(['deaf'], { stopMs: 200 });
    await plane.start();
    await plane.stop();
    expect(await plane.end()).toBe('not written');
  });

  it('answers what is asked, also with an error', async () => {
    const { plane, lines } = host(['good']);
    await plane.start();
    plane.post(anEvent('ask'));
    await until('the answer has come back as a line', () => lines.length === 1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ ok: false, error: { code: 'UNEXPECTED' } });
  });
});
