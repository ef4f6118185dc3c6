import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../test/kit/until.js';
import type { SkeinTarget } from '../throughput/skein-target.js';
import { type SeedFigures, seedFiguresOf } from './phases.js';

export interface JoinFigures extends SeedFigures {
  readonly node: string;
  /** From the start of its process until it is a healthy replica that is open to clients, milliseconds. */
  readonly healthyMs: number;
}

const DEADLINE_MS = 3_600_000;

/** One more node joins, from an empty directory. Resolves when it is a healthy replica and a voter. */
export async function joinFromNothing(target: SkeinTarget): Promise<JoinFigures> {
  const startedMs = Date.now();
  const { name, voter } = await target.grow(DEADLINE_MS);
  await until(`${name} is a healthy replica`, () => isHealthy(target, name), {
    deadlineMs: DEADLINE_MS,
    context: () => target.logs(),
  });
  const endedMs = Date.now();
  await voter;
  const log = await readFile(join(target.directoryOf(name), 'node.log'), 'utf8');
  const figures = seedFiguresOf(log, { startedMs, healthyMs: endedMs });
  return { ...figures, node: name, healthyMs: endedMs - startedMs };
}

async function isHealthy(target: SkeinTarget, name: string): Promise<boolean> {
  const { status } = await fetch(`http://127.0.0.1:${target.httpPort(name)}/ready`);
  const own = (await target.status(name)).members.find((member) => member.name === name);
  return status === 200 && own?.state === 'live' && !own.seeding && own.reason === null;
}
