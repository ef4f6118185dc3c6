import { describe, expect, it } from 'vitest';
import { PlaneSignals } from './plane-signals.js';

/** The ends of both planes. */
function pair() {
  const replication = new PlaneSignals();
  return { replication, client: new PlaneSignals(replication.memory) };
}

describe('signals of a client plane', () => {
  it('tell once that it waits', () => {
    const { replication, client } = pair();
    expect(replication.takeWaiting()).toBe(false);
    client.wait();
    client.wait();
    expect([replication.takeWaiting(), replication.takeWaiting()]).toEqual([true, false]);
  });

  it('show that it turns, and its connections', () => {
    const { replication, client } = pair();
    const before = replication.turns;
    client.turn({ readWrite: 3, readOnly: 4 });
    expect(replication.turns).not.toBe(before);
    expect(replication.connections).toEqual({ readWrite: 3, readOnly: 4 });
    client.turn(null);
    expect(replication.connections).toEqual({ readWrite: 0, readOnly: 0 });
  });
});
