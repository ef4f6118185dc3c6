import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commands } from '../../src/cli/commands.js';
import { runCommandLine } from '../../src/cli/run.js';
import { beginBoot } from '../../src/config/identity.js';
import { loadNodeConfig } from '../../src/config/node-config.js';
import { SkeinError } from '../../src/model/error.js';
import { ChainFile } from '../../src/roles/chain-file.js';
import { LogEndFile } from '../../src/roles/log-end-file.js';
import { BootNumbers } from '../../src/roles/primary/boot-numbers.js';
import { definitionsFile } from '../../src/roles/primary/definitions-file.js';
import { ddlNoteFile } from '../../src/roles/replica/ddl-note.js';
import { xaFile } from '../../src/roles/xa-file.js';
import { verify } from '../../src/spool/inspect.js';
import { Spool } from '../../src/spool/spool.js';
import { diskStorage } from '../../src/spool/storage.js';
import { Emitter } from '../../src/std/emitter.js';
import { silentLogger } from '../../src/std/logger.js';
import type { Random } from '../kit/random.js';
import { makeFormat, makeGroup, mariadbGtidText } from '../kit/spool/record-maker.js';
import { until } from '../kit/until.js';
import { jsonText, mutate, mutateJson } from './mutate.js';
import type { FuzzTarget } from './target.js';

const GROUPS = 40;
const modules = { gtidText: mariadbGtidText, storage: diskStorage, logger: silentLogger };

/** A spool of three segments, as a replica's node leaves it. */
async function makeSpool(directory: string): Promise<void> {
  const spool = await Spool.open({ directory, segmentBytesMax: 8 * 1024, preallocateBytes: 0 }, modules);
  spool.append(makeFormat(0, 1, Buffer.alloc(100, 9)));
  for (let ordinal = 1; ordinal <= GROUPS; ordinal++) {
    const epoch = ordinal > 20 ? 2 : 1;
    const previousEpoch = ordinal > 21 ? 2 : 1;
    const group = {
      ordinal,
      epoch,
      previousEpoch,
      payload: Buffer.alloc(500, ordinal),
      fragments: 1 + (ordinal % 3),
    };
    spool.append(Buffer.concat(makeGroup(group)));
  }
  await until('the groups are durable', () => spool.durable.ordinal === GROUPS, { intervalMs: 5 });
  spool.setCommitted(GROUPS - 2);
  await spool.close();
}

/** Only an error that was made for people may come out. */
async function orSkeinError<T>(work: () => Promise<T> | T): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SkeinError) return null;
    throw error;
  }
}

export async function fileTargets(base: string): Promise<FuzzTarget[]> {
  const pattern = join(base, 'spool');
  await makeSpool(pattern);
  const scratch = (random: Random) => mkdtemp(join(base, `case-${random.int(0, 9)}-`));
  return [
    {
      name: 'spool files',
      parallel: 2,
      run: async (random) => {
        const directory = await scratch(random);
        await cp(pattern, directory, { recursive: true });
        const files = await readdir(directory);
        const name = random.pick(files);
        const bytes = await readFile(join(directory, name));
        const changed = mutate(random, [bytes]);
        await writeFile(join(directory, name), changed);
        await orSkeinError(() => verify(directory, modules));
        const spool = await orSkeinError(() => Spool.open({ directory }, modules));
        if (spool) {
          const { damage, end } = spool;
          await spool.close();
          if (end.ordinal > GROUPS)
            throw new Error(`${name}: the spool ends at ${end.ordinal}, of ${GROUPS}`);
          // All was durable, and the state says so: what is missing without a word was acknowledged and is lost.
          if (!damage && end.ordinal < GROUPS)
            throw new Error(`${name}: ends at ${end.ordinal} and takes that for whole`);
        }
        await rm(directory, { recursive: true });
      },
    },
    {
      name: 'state files',
      parallel: 2,
      run: async (random) => {
        const directory = await scratch(random);
        for (const [name, value] of Object.entries(STATES)) {
          const text = jsonText(mutateJson(random, value));
          const bytes = random.chance(0.5) ? mutate(random, [Buffer.from(text)]) : text;
          await writeFile(join(directory, name), bytes);
        }
        await orSkeinError(() => beginBoot(directory));
        await orSkeinError(() => new ChainFile(directory).load());
        await orSkeinError(() => ddlNoteFile(directory).load());
        await orSkeinError(() => definitionsFile(directory).load());
        await orSkeinError(() => new LogEndFile(directory, { logger: silentLogger }).load());
        await orSkeinError(() => new BootNumbers(directory, { logger: silentLogger }).load());
        await orSkeinError(() => xaFile(directory).load());
        await orSkeinError(() => loadNodeConfig(join(directory, 'node.json')));
        await rm(directory, { recursive: true });
      },
    },
    { name: 'command line', parallel: 2, run: (random) => commandLine(random, pattern) },
  ];
}

const POSITION = { epoch: 1, ordinal: 5, gtid: '0-1000001-5' };
const MEMBER = {
  ...{ name: 'n1', incarnation: 'a', voter: true, link: { host: 'h', port: 7083 } },
  ...{ http: 'http://h:8083', mysqlRw: null, mysqlRo: null },
};
const STATES = {
  'chain.json': [
    { epoch: 1, number: 0, beginsAfter: { epoch: 0, ordinal: 0, gtid: '' }, primary: 'n1', members: null },
    { epoch: 2, number: 1, beginsAfter: POSITION, primary: 'n1', members: [MEMBER] },
  ],
  'ddl.json': { ordinal: 5, doubt: 'lost', traces: 'x' },
  'definitions.json': { tableIdMax: 5, openedAt: '2026-01-01 00:00:00' },
  'log-end.json': { ordinal: 5 },
  'boots.json': { disk: 5 },
  'identity.json': { cluster: '0'.repeat(32), founder: false, boot: 3 },
  'xa.json': { at: POSITION, branches: ['a'], ending: [], decided: { a: 'commit' } },
  'node.json': {
    cluster: 'demo',
    name: 'n1',
    directory: '.',
    secretFile: 'secret',
    http: { host: '127.0.0.1', port: 8083 },
    link: { host: '127.0.0.1', port: 7083 },
  },
};

const ARGUMENTS = [
  ...['status', 'sql', 'token', 'audit', 'spool', 'node', 'help', 'stauts', '--help', '-h', '--', '-', ''],
  ...[
    '--json',
    '--watch',
    '--config',
    '--node',
    '--url',
    '--token',
    '--after',
    '--limit',
    '-d',
    '--role',
    '--name',
  ],
  ...[
    'list',
    'show',
    'verify',
    'create',
    'revoke',
    'rotate',
    'tail',
    'search',
    'read',
    'SELECT 1',
    '1',
    '-1',
    '1e9',
  ],
  ...[
    '--name=',
    '--role=root',
    '\u001b[2J',
    '\u0000',
    '__proto__',
    '--__proto__',
    '--constructor',
    'x'.repeat(5_000),
  ],
];

/** Every command line ends with an exit code; only a defect ends with a stack. */
async function commandLine(random: Random, spool: string): Promise<void> {
  const args = Array.from({ length: random.int(0, 6) }, () => random.pick([...ARGUMENTS, spool]));
  const ended = await runCommandLine(
    args,
    {
      terminal: {
        out: () => {},
        err: () => {},
        json: () => {},
        control: () => {},
        isTerminal: false,
        isGone: () => false,
        stdin: async () => '',
        input: nothing,
        write: async () => {},
      },
      // Nobody listens there.
      env: { SKEIN_URL: 'http://127.0.0.1:1', SKEIN_TOKEN: 'x' },
      cwd: tmpdir(),
      signal: AbortSignal.timeout(5_000),
      interrupted: new Emitter<number>(),
    },
    commands.filter(({ name }) => name !== 'demo'),
  );
  if (![0, 1, 2].includes(ended)) throw new Error(`${JSON.stringify(args)} ended with ${ended}`);
}

async function* nothing(): AsyncIterable<Uint8Array> {}
