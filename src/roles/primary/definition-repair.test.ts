import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../../test/kit/until.js';
import type { TableDefinition } from '../../flavour/definitions.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import type { LocalControl } from '../local-server.js';
import { DefinitionRepair } from './definition-repair.js';
import { definitionsFile } from './definitions-file.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-definitions-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const TABLE: TableDefinition = {
  ...{ kind: 'table', schema: 'd', name: 't', shape: ['id'], partitioning: null, partitions: [] },
  content: 'unreadable 1932',
};

it('says that another node should take over, when a person has to repair the server', async () => {
  const control: Partial<LocalControl> = {
    status: async () => ({ gtidBinlogPos: '0-1-5' }) as Awaited<ReturnType<LocalControl['status']>>,
    definitions: async () => new Map([['table `d`.`t`', JSON.stringify(TABLE)]]),
    madeSince: async () => new Set(),
    changedSince: async () => new Set(),
  };
  const unrepaired: string[] = [];
  const repair = new DefinitionRepair({
    sql: mariadb.definitions,
    file: definitionsFile(directory),
    control: () => control as LocalControl,
    replicas: () => [],
    waitsForReplica: () => false,
    isAlone: () => true,
    waiting: () => {},
    unrepaired: (reason) => void unrepaired.push(reason),
    event: () => {},
  });
  const role = new AbortController();
  const repaired = repair.repair({ serverId: 9, epoch: 2 }, role.signal);
  const [reason] = await until('it stays closed', () => (unrepaired.length > 0 ? unrepaired : null));
  expect(reason).toContain('table `d`.`t` cannot be read here (error 1932)');
  // Another node has taken over.
  role.abort();
  await expect(repaired).rejects.toThrow();
});

it('waits for a replica as long as that makes sense, and says so', async () => {
  const control: Partial<LocalControl> = {
    status: async () => ({ gtidBinlogPos: '0-1-5' }) as Awaited<ReturnType<LocalControl['status']>>,
    definitions: async () => new Map(),
  };
  const [said, codes]: [string[], string[]] = [[], []];
  let waits = true;
  const repair = new DefinitionRepair({
    sql: mariadb.definitions,
    file: definitionsFile(directory),
    control: () => control as LocalControl,
    replicas: () => [],
    waitsForReplica: () => waits,
    isAlone: () => false,
    waiting: (reason) => void said.push(reason),
    unrepaired: () => {},
    event: (code) => void codes.push(code),
  });
  const repaired = repair.repair({ serverId: 9, epoch: 2 }, new AbortController().signal);
  await until('it waits', () => said.length > 1);
  expect([said[0], codes]).toEqual([expect.stringContaining('waits for another node with a server'), []]);
  waits = false;
  expect([await repaired, codes]).toEqual([false, ['DEFINITIONS_UNCHECKED']]);
});
