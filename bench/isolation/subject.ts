import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { run, withSql } from '../../test/kit/sql-node.js';
import { until } from '../../test/kit/until.js';
import { modeOf } from '../throughput/modes.js';
import type { NamedProcess } from '../throughput/process-figures.js';
import { SkeinTarget } from '../throughput/skein-target.js';
import type { Workshop } from '../throughput/workshop.js';
import { Helper } from './helper.js';
import type { TapOptions } from './link-tap.js';
import type { LoadRequest } from './load-client.js';
import { LOAD_SETTINGS, LOAD_TABLES } from './loads.js';
import { withChildren } from './node-processes.js';

/** Five times as often as usual: some seconds then have enough of them. */
export const HEARTBEAT_MS = 100;
export const PRIMARY = 'n1';
/** Its link leads through the tap, so it acknowledges later than n2, and no commit waits for it. */
export const ELSEWHERE = 'n3';
const TOKENS = 4;

const TABLES = [
  'CREATE DATABASE bench',
  ...LOAD_TABLES,
  'CREATE TABLE bench.arrivals (id BIGINT AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL)',
];

/** A build under test: a cluster of its own, with a tap on the link between its primary and the node elsewhere. */
export class Subject {
  readonly name: string;
  readonly target: SkeinTarget;
  readonly tap: Helper;
  readonly #tokens: readonly string[];
  readonly #adminToken: string;

  /** @param directory of a clone that is built */
  static async start(workshop: Workshop, id: string, directory: string): Promise<Subject> {
    const main = join(resolve(directory), 'dist', 'main.js');
    if (!existsSync(main)) throw new Error(`${main} is missing: run "npm run build" in ${directory} first`);
    const mode = modeOf('skein-majority');
    if (mode.kind !== 'skein') throw new Error('not a mode of Skein');
    const tap = new Helper('tap', new URL('link-tap.js', import.meta.url));
    try {
      const listen = (primaryLinkPort: number) =>
        tap.ask<number>('listen', { primaryLinkPort, intervalMs: HEARTBEAT_MS } satisfies TapOptions);
      const target = workshop.keep(
        await SkeinTarget.start(mode, {
          directory: join(workshop.directory, id),
          main,
          settings: { ...LOAD_SETTINGS, heartbeatIntervalMs: HEARTBEAT_MS },
          linkPort: async (node, port) => (node === ELSEWHERE ? listen(port) : port),
        }),
      );
      await withSql(target.primary, async (connection) => {
        for (const sql of TABLES) await run(connection, sql);
      });
      const tokens: string[] = [];
      for (let i = 0; i < TOKENS; i++) tokens.push(await target.createToken('write'));
      const adminToken = await target.createToken('admin');
      await untilKnown(target.httpPort(ELSEWHERE), adminToken);
      return new Subject(`${id} (${describe(directory)})`, target, tap, tokens, adminToken);
    } catch (error) {
      tap.end();
      throw error;
    }
  }

  private constructor(
    name: string,
    target: SkeinTarget,
    tap: Helper,
    tokens: readonly string[],
    adminToken: string,
  ) {
    this.name = name;
    this.target = target;
    this.tap = tap;
    this.#tokens = tokens;
    this.#adminToken = adminToken;
  }

  /** What a load needs to know of one of its nodes. */
  http(node: string): Omit<LoadRequest, 'load'> {
    return { port: this.target.httpPort(node), tokens: this.#tokens, adminToken: this.#adminToken };
  }

  /** Nodes with all their processes, and servers. */
  async processes(): Promise<NamedProcess[]> {
    return withChildren(await this.target.processes());
  }
}

/** Each node looks at its own copy of the tokens now and then; the one that was made last is known last. */
function untilKnown(port: number, token: string): Promise<unknown> {
  return until('the node elsewhere knows the tokens', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const { status } = await fetch(`http://127.0.0.1:${port}/v1/cluster`, { headers });
    return status === 200;
  });
}

/** The directory's name and, where git knows it, what is checked out there. */
function describe(directory: string): string {
  const name = basename(resolve(directory));
  try {
    const args = ['-C', directory, 'describe', '--always', '--dirty'];
    return `${name}, ${execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim()}`;
  } catch {
    return name;
  }
}
