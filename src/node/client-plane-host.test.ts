import type { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FakePlaneData } from '../../test/kit/planes/client-plane.js';
import { idlePublisher } from '../../test/kit/planes/idle-publisher.js';
import { threadOf } from '../../test/kit/thread.js';
import { throughout, until } from '../../test/kit/until.js';
import type { FromHttp, ToHttp } from '../planes/messages.js';
import { silentLogger } from '../std/logger.js';
import { ClientPlaneHost, type ClientPlaneTimes } from './client-plane-host.js';

type Behaviour = FakePlaneData['behaviour'];

let thread: Awaited<ReturnType<typeof threadOf>>;
beforeAll(async () => {
  thread = await threadOf(new URL('../../test/kit/planes/client-plane.ts', import.meta.url));
});

const hosts: ClientPlaneHost<ToHttp, FromHttp>[] = [];
afterEach(() => {
  for (const plane of hosts.splice(0)) plane.abandon();
});

/** A host whose runs behave as the list says, in order. All later runs behave as the last entry. */
function host(behaviours: Behaviour[], times: Partial<ClientPlaneTimes> = {}) {
  const restarts: string[] = [];
  const lines: string[] = [];
  const running: Worker[] = [];
  const received: FromHttp[] = [];
  const plane = new ClientPlaneHost<ToHttp, FromHttp>(
    {
      logger: silentLogger,
      publisher: idlePublisher(),
      spawn: ({ signals }) => {
        const behaviour = behaviours.length > 1 ? behaviours.shift() : behaviours[0];
        const worker = thread({ workerData: { signals, behaviour } });
        running.push(worker);
        return worker;
      },
      received: (message, answer) => {
        received.push(message);
        if (message.kind === 'ask')
          answer({ kind: 'answer', id: message.id, answer: { ok: true, value: 'asked' } });
      },
      began: (post) =>
        post({ kind: 'audit', line: { number: running.length, atMs: 0, fields: { kind: 'x' } } }),
      ended: () => lines.push('ended'),
      moved() {},
      log: (more) => lines.push(...more),
      restarted: (reason) => restarts.push(reason),
    },
    times,
  );
  hosts.push(plane);
  return { plane, running, restarts, lines, received };
}

const anEvent = (subject: string) =>
  ({
    kind: 'event',
    event: { id: 1, event: 'link.up', data: { at: '', node: 'n1', subject, reason: '' } },
  }) as const;

describe('ClientPlaneHost', () => {
  it('starts a client plane, reads its connections and figures, and ends it in order', async () => {
    const { plane } = host(['good']);
    expect(plane.signals).toBeNull();
    await plane.start();
    await until('the connections are published', () => plane.signals?.connections.readWrite === 3);
    expect(await plane.measure()).toMatchObject({ text: 'figures\n' });
    await plane.stop();
    expect(await plane.end()).toBe('written');
    expect(plane.signals).toBeNull();
    expect(await plane.measure()).toBeNull();
  });

  it('does not wait for figures that a plane does not send', async () => {
    const { plane } = host(['deaf'], { measureMs: 100 });
    await plane.start();
    expect(await plane.measure()).toBeNull();
  });

  it('rejects with the error of a client plane that cannot start, and does not start it again', async () => {
    const { plane, running, restarts } = host(['port taken']);
    await expect(plane.start()).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: 'HTTP port 1 is taken.',
    });
    await throughout('no other is started', 300, () => running.length === 1);
    expect(restarts).toEqual([]);
    expect(await plane.end()).toBe('not written');
  });

  it('starts a failed client plane again, and posts the first messages to each run', async () => {
    const { plane, running, received, restarts, lines } = host(['throws', 'good']);
    await plane.start();
    await until('the first has failed', () => restarts.length === 1);
    expect(restarts).toEqual(['a fault of the client plane']);
    expect(lines).toEqual(['ended']);
    await until('the second runs', () => running.length === 2);
    expect(await plane.end()).toBe('written');
    expect(received).toEqual([
      { kind: 'audited', number: 1 },
      { kind: 'audited', number: 2 },
    ]);
  });

  it('ends a client plane whose event loop hangs, and starts it again', async () => {
    const { plane, running, restarts } = host(['hangs', 'good'], { hungMs: 2_000 });
    await plane.start();
    await until('the second runs', () => running.length === 2);
    expect(restarts).toEqual(['its event loop did not turn for 2000 ms']);
    expect(await plane.end()).toBe('written');
  });

  it('does not end a client plane whose event loop turns', async () => {
    const { plane, restarts } = host(['good'], { hungMs: 2_000 });
    await plane.start();
    await throughout('it is not started again', 3_000, () => restarts.length === 0);
  });

  it('resolves a cut when the client plane reports it', async () => {
    const { plane, running } = host(['good'], { cutMs: 10_000 });
    await plane.start();
    await plane.cut();
    expect(running).toHaveLength(1);
    expect(await plane.end()).toBe('written');
  });

  it.each(['hangs at orders', 'deaf'] as const)(
    'ends a client plane that does not cut in time (%s)',
    async (behaviour) => {
      const { plane, running, restarts } = host([behaviour, 'good'], { cutMs: 200, hungMs: 60_000 });
      await plane.start();
      await plane.cut();
      await until('the second runs', () => running.length === 2);
      expect(restarts).toEqual(['it did not cut its connections within 200 ms']);
    },
  );

  it('has nothing to cut while no client plane runs', async () => {
    const { plane } = host(['port taken'], { cutMs: 60_000 });
    await plane.start().catch(() => {});
    await plane.cut();
  });

  it('does not wait for a client plane that does not stop', async () => {
    const { plane } = host(['deaf'], { stopMs: 2_000 });
    await plane.start();
    await plane.stop();
    expect(await plane.end()).toBe('not written');
  });

  it('sends the answer to the run that has asked', async () => {
    const { plane, lines } = host(['good']);
    await plane.start();
    plane.post(anEvent('ask'));
    await until('the answer has come back as a line', () => lines.length === 1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      kind: 'answer',
      id: 7,
      answer: { ok: true, value: 'asked' },
    });
  });
});
