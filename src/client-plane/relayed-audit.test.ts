import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { auditKey } from '../audit/sealed-line.js';
import { silentLogger } from '../std/logger.js';
import { RelayedAudit } from './relayed-audit.js';

const base = mkdtempSync(join(tmpdir(), 'skein-relayed-'));
let trail: AuditTrail | undefined;
afterEach(async () => {
  await trail?.close();
  rmSync(base, { recursive: true, force: true });
});

it('a line is told of only when it is in the trail', async () => {
  const directory = join(base, 'audit');
  // There is no room for the trail: its directory is a file.
  writeFileSync(directory, '');
  trail = await AuditTrail.open(
    { directory, node: 'n1', key: auditKey(Buffer.alloc(32)), fileBytesMax: 1e6, filesMax: 2 },
    { log: silentLogger },
  );
  const told: number[] = [];
  const relayed = new RelayedAudit({ retryMs: 5 }, { trail, audited: (number) => told.push(number) });
  const line = (number: number) => relayed.take({ number, atMs: Date.now(), fields: { kind: 'event' } });
  line(1);
  line(2);
  expect(await trail.settled()).toBe(false);
  line(3);
  expect(told).toEqual([]);
  rmSync(directory);
  await until('all lines are in the trail', () => told.at(-1) === 3);
  expect(await trail.settled()).toBe(true);
  // Not once for each of many lines.
  for (let number = 4; number <= 1000; number++) line(number);
  await until('these too', () => told.at(-1) === 1000);
  expect(told.length).toBeLessThan(20);
});
