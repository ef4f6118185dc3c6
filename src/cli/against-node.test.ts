import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClusterStatus } from '../model/status.js';
import { Emitter } from '../std/emitter.js';
import type { CommandContext } from './command.js';
import { commands } from './commands.js';
import { runCommandLine } from './run.js';
import { createTerminal } from './terminal.js';

/** Commands against something that answers as a node does, where a real node would only make the test slow. */

const STATUS: ClusterStatus = {
  cluster: 'demo',
  epoch: 3,
  primary: 'n1',
  acknowledge: 'majority',
  quorum: { needed: 2, attached: 3, voters: 3 },
  change: null,
  members: [],
  warnings: [],
};

let node: Server;
let url: string;
let asked: string[];
let bodies: unknown[];
let answer: { status: number; body: unknown };

beforeEach(async () => {
  asked = [];
  bodies = [];
  answer = { status: 200, body: STATUS };
  node = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      if (body !== '') bodies.push(JSON.parse(body));
      response.writeHead(answer.status, { connection: 'close' }).end(`${JSON.stringify(answer.body)}\n`);
    });
  }).listen(0, '127.0.0.1');
  await once(node, 'listening');
  url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
});

afterEach(() => {
  node.close();
});

/** `heard` sees each piece of output and may end the command as Ctrl-C does. */
async function run(
  args: string[],
  options: { isTerminal?: boolean; heard?(text: string, stop: () => void): void } = {},
) {
  const said = { out: '', err: '' };
  const ctrlC = new AbortController();
  const context: CommandContext = {
    terminal: createTerminal(
      {
        out: (text) => {
          said.out += text;
          options.heard?.(text, () => ctrlC.abort());
        },
        err: (text) => {
          said.err += text;
        },
      },
      {
        isTerminal: options.isTerminal ?? false,
        isGone: () => false,
        stdin: async () => '',
        input: async function* () {},
        write: async () => {},
      },
    ),
    env: { SKEIN_URL: url, SKEIN_TOKEN: 'skein_x' },
    cwd: '/nonexistent',
    signal: ctrlC.signal,
    interrupted: new Emitter<number>(),
  };
  return { code: await runCommandLine(args, context, commands), ...said };
}

describe('status --watch', () => {
  it('goes on until Ctrl-C, over a node that fails meanwhile', async () => {
    const frames: string[] = [];
    const { code } = await run(['status', '--watch'], {
      heard(text, stop) {
        frames.push(text);
        answer =
          frames.length === 1
            ? { status: 503, body: { error: { code: 'NOT_OPEN', message: 'Not yet.' } } }
            : { status: 200, body: STATUS };
        if (frames.length === 3) stop();
      },
    });
    expect(code).toBe(0);
    expect(frames[0]).toMatch(/^cluster demo · epoch 3 [\s\S]*\n\n$/);
    expect(frames[1]).toContain('NOT_OPEN: Not yet.');
    expect(frames[2]).toBe(frames[0]);
    expect(asked).toEqual(Array(3).fill('GET /v1/cluster Bearer skein_x'));
  });

  it('draws over itself on a terminal', async () => {
    const { out } = await run(['status', '-w'], { isTerminal: true, heard: (_text, stop) => stop() });
    expect(out.startsWith('\u001b[H\u001b[Jcluster demo')).toBe(true);
    expect(out).toContain('Press Ctrl-C to end.');
  });

  it('writes one document in each line with --json', async () => {
    const { out } = await run(['status', '-w', '--json'], {
      isTerminal: true,
      heard: (_text, stop) => stop(),
    });
    expect(out).toBe(`${JSON.stringify(STATUS)}\n`);
  });
});

describe('token revoke', () => {
  it('asks the node for exactly that token', async () => {
    answer = { status: 200, body: { id: 'tok_1/2' } };
    const { code, out, err } = await run(['token', 'revoke', 'tok_1/2']);
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: 'Token tok_1/2 is revoked.\n' });
    expect(asked).toEqual(['DELETE /v1/tokens/tok_1%2F2 Bearer skein_x']);
  });

  it('fails when there is no such token', async () => {
    answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'There is no token tok_9.' } } };
    const { code, err } = await run(['token', 'revoke', 'tok_9']);
    expect({ code, err }).toEqual({ code: 1, err: 'skein: NOT_FOUND: There is no token tok_9.\n' });
  });

  it('does nothing without an id', async () => {
    const { code, err } = await run(['token', 'revoke']);
    expect(code).toBe(2);
    expect(err).toContain('revoke needs the id of a token');
    expect(asked).toEqual([]);
  });
});

describe('what a node says never steers the terminal', () => {
  const EVIL = 'x\u001b[2J\u001b]0;t\u0007\r\u009b31m\u202ey';
  const HARMLESS = 'x\\e[2J\\e]0;t\\u0007\\r\\u009b31m\\u202ey';
  const evilStatus = () => ({
    ...STATUS,
    cluster: EVIL,
    members: [
      {
        ...{ name: EVIL, role: EVIL, state: EVIL, lagMs: null, http: EVIL, since: '2026-01-01T00:00:00Z' },
        positions: { received: 1, durable: 1, committed: 1, applied: 1 },
        server: { flavour: EVIL, version: EVIL, up: true },
        reason: `${EVIL}\nn9: fine`,
      },
    ],
  });
  const line = {
    ...{ seq: 1, time: '2026-01-01T00:00:00.000Z', node: EVIL, kind: 'request', token: EVIL, address: EVIL },
    ...{
      status: 404,
      outcome: EVIL,
      durationMs: 1,
      method: EVIL,
      path: `/${EVIL}\n`,
      statements: [{ sql: `${EVIL}\n` }],
    },
  };
  const result = {
    ...{ columns: [{ name: EVIL, type: 'int' }], rows: [[EVIL]], rowCount: 1, affectedRows: 0 },
    ...{ insertId: EVIL, warnings: 0, durationMs: 1 },
  };
  const sql = { results: [result], position: EVIL, node: EVIL, role: EVIL, durationMs: 1 };

  it.each([
    [['status'], { status: 200, body: evilStatus() }],
    [['sql', 'SELECT 1'], { status: 200, body: sql }],
    [
      ['sql', 'SELECT 1'],
      { status: 400, body: { error: { code: EVIL, message: `${EVIL}\n`, primary: EVIL } } },
    ],
    [['audit', 'tail'], { status: 200, body: line }],
    [
      ['audit', 'tail'],
      { status: 200, body: { ...line, kind: 'event', event: EVIL, subject: EVIL, reason: EVIL } },
    ],
    [['audit', 'tail'], { status: 200, body: { ...line, kind: EVIL } }],
  ])('%j', async (args, reply) => {
    answer = reply;
    const { out, err } = await run(args);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(out + err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(out + err).toContain(HARMLESS);
  });

  it('a reason stays on its line', async () => {
    answer = { status: 200, body: evilStatus() };
    expect((await run(['status'])).out.split('\n').filter((text) => text.startsWith('n9'))).toEqual([]);
  });

  it('--json is exact in a pipe, and means the same on a terminal', async () => {
    answer = { status: 200, body: evilStatus() };
    const piped = (await run(['status', '--json'])).out;
    const shown = (await run(['status', '--json'], { isTerminal: true })).out;
    expect(JSON.parse(piped)).toEqual(evilStatus());
    expect(JSON.parse(shown)).toEqual(evilStatus());
    expect([piped.includes('\u009b'), shown.includes('\u009b')]).toEqual([true, false]);
  });
});

describe('switchover', () => {
  const done = { dryRun: false, from: 'n1', to: 'n2', epoch: 4, pauseMs: 95, against: [] };

  it('says who is the primary now, and how long nobody was', async () => {
    answer = { status: 200, body: done };
    const { code, out } = await run(['switchover', '--to', 'n2']);
    expect(code).toBe(0);
    expect(out).toBe(
      'n2 is the primary now, in epoch 4. n1 is a replica. No primary took writes for 95 ms.\n',
    );
    expect(asked).toEqual(['POST /v1/cluster/switchover Bearer skein_x']);
  });

  it('fails where nobody could take over, and says why', async () => {
    const against = ['n2 has no working server.', 'n3 is not a voter.'];
    answer = { status: 200, body: { ...done, dryRun: true, to: null, pauseMs: null, against } };
    const { code, out } = await run(['switchover', '--dry-run']);
    expect(code).toBe(1);
    expect(out).toBe('No node can take over from n1.\nn2 has no working server.\nn3 is not a voter.\n');
  });

  it('asks the primary that a replica names', async () => {
    answer = {
      status: 421,
      body: { error: { code: 'NOT_PRIMARY', message: 'This node is not the primary.', primary: url } },
    };
    const { code, err } = await run(['switchover']);
    expect(code).toBe(1);
    expect(err).toContain('NOT_PRIMARY');
    expect(asked).toHaveLength(2);
  });
});

describe('promote --force', () => {
  const plan = {
    cluster: 'shop',
    node: 'n3',
    done: false,
    epoch: 12_000_000,
    after: 7,
    losses: ['This is lost.'],
    refusals: [],
  };
  const status = { ...STATUS, node: 'n3' };

  it('needs --force', async () => {
    const { code, err } = await run(['promote', 'n3']);
    expect([code, asked]).toEqual([2, []]);
    expect(err).toContain('skein switchover --to n3');
  });

  it('without --yes says what would be given up, and how to do it', async () => {
    answer = { status: 200, body: { ...status, ...plan } };
    const { code, out } = await run(['promote', 'n3', '--force']);
    expect(code).toBe(0);
    expect(out).toBe(
      'n3 would be made the primary of the cluster shop by force, in epoch 12000000. Nothing was changed.\nThis is lost.\nTo do it, give the name of the cluster: skein promote n3 --force --yes <cluster>\n',
    );
    expect(asked.at(-1)).toBe('POST /v1/nodes/n3/promote Bearer skein_x');
    const shorter = await run(['promote', 'n3', '--force', '--with-shorter-log']);
    expect(shorter.out).toContain(
      'To do it, give the name of the cluster: skein promote n3 --force --with-shorter-log --yes <cluster>\n',
    );
  });

  it('says why it is refused', async () => {
    const refusals = [{ code: 'FORCE_NOT_NEEDED', reason: 'This node hears a primary.' }];
    answer = { status: 200, body: { ...status, ...plan, epoch: null, refusals } };
    const { code, out } = await run(['promote', 'n3', '--force']);
    expect([code, out]).toEqual([1, 'n3 cannot be made the primary by force.\nThis node hears a primary.\n']);
  });

  it('says what was done', async () => {
    answer = { status: 200, body: { ...status, ...plan, done: true } };
    const { code, out } = await run(['promote', 'n3', '--force', '--yes', 'shop']);
    expect([code, out.split('\n')[0]]).toEqual([
      0,
      'n3 is the primary of the cluster shop now, in epoch 12000000, by force.',
    ]);
    expect(bodies.at(-1)).toEqual({ force: true, confirm: 'shop', withShorterLog: false });
  });

  it('asks the node itself', async () => {
    answer = { status: 200, body: { ...STATUS, node: 'n1' } };
    const { code, err } = await run(['promote', 'n3', '--force']);
    expect([code, asked.length]).toEqual([1, 2]);
    expect(err).toContain('Give its own address with --node.');
  });
});
