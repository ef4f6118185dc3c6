import { describe, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { parseLastEventId } from '../http/event-stream.js';
import { EventRing } from './event-ring.js';

const data = { at: '', node: 'n1', subject: 'n2', reason: '' };

describe('EventRing', () => {
  it('keeps the last events and says when some are gone', () => {
    const ring = new EventRing(3, 10);
    for (let i = 0; i < 5; i++) ring.push('link.up', data);
    expect(ring.since(12)).toMatchObject({ events: [{ id: 13 }, { id: 14 }], complete: true });
    expect(ring.since(11)).toMatchObject({ complete: true });
    expect(ring.since(10)).toMatchObject({ complete: false });
    expect(ring.since(14)).toEqual({ events: [], complete: true });
  });

  it('goes on growing after a restart', async () => {
    const { id } = new EventRing().push('link.up', data);
    const before = Date.now();
    await until('the clock has gone on', () => Date.now() > before, { intervalMs: 1 });
    expect(new EventRing().push('link.up', data).id).toBeGreaterThan(id);
    expect(Number.isSafeInteger(id)).toBe(true);
  });

  it('reads only ids as Last-Event-ID', () => {
    expect(parseLastEventId('17')).toBe(17);
    for (const bad of [undefined, '', '-1', '1e3', 'x', '99999999999999999'])
      expect(parseLastEventId(bad)).toBeNull();
  });
});
