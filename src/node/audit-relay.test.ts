import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { auditKey } from '../audit/sealed-line.js';
import { silentLogger } from '../std/logger.js';
import { AuditRelay } from './audit-relay.js';

const directory = mkdtempSync(join(tmpdir(), 'skein-relay-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('AuditRelay', () => {
  it('keeps each line until it is in the trail, and sends kept lines to the next HTTP plane', () => {
    const relay = new AuditRelay();
    const sent: [string, string][] = [];
    const plane = (name: string) => relay.attach(({ fields }) => sent.push([name, fields.kind]));
    relay.add({ kind: 'start' });
    plane('first');
    relay.add({ kind: 'event' });
    relay.written(1);
    relay.detach();
    relay.add({ kind: 'crash' });
    plane('second');
    expect(sent).toEqual([
      ['first', 'start'],
      ['first', 'event'],
      ['second', 'event'],
      ['second', 'crash'],
    ]);
  });

  it('is bounded, and adds a line with the number of lost lines', () => {
    const relay = new AuditRelay();
    for (let i = 0; i < 20_003; i++) relay.add({ kind: 'event' });
    const sent: unknown[] = [];
    relay.attach(({ fields }) => sent.push(fields));
    expect(sent).toHaveLength(20_000);
    relay.written(20_000);
    expect(sent.at(-1)).toEqual({ kind: 'lost', lines: 3 });
    expect(sent).toHaveLength(20_001);
  });

  it('writes the lines that no HTTP plane has written, with the time of each line', async () => {
    const relay = new AuditRelay();
    const before = Date.now();
    relay.add({ kind: 'node', action: 'stop' });
    const options = {
      directory,
      node: 'n1',
      key: auditKey(Buffer.alloc(32)),
      fileBytesMax: 1e6,
      filesMax: 2,
    };
    await relay.writeKept(options, { log: silentLogger });
    const [file = ''] = readdirSync(directory).filter((name) => name !== 'audit.head');
    const last = JSON.parse(readFileSync(join(directory, file), 'utf8').trimEnd().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({ kind: 'node', action: 'stop', node: 'n1' });
    expect(Date.parse(last.time)).toBeGreaterThanOrEqual(before);
  });
});
