import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { SkeinError } from '../model/error.js';
import { Emitter } from '../std/emitter.js';
import type { CommandContext, CommandEntry } from './command.js';
import { commands } from './commands.js';
import { runCommandLine } from './run.js';
import { createTerminal } from './terminal.js';

/** An address where nobody listens: the port was free a moment ago. */
const nobody = await new Promise<string>((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address() as AddressInfo;
    probe.close(() => resolve(`http://127.0.0.1:${port}`));
  });
});

function terminal(stdin = '') {
  const said = { out: '', err: '' };
  const context: CommandContext = {
    terminal: createTerminal(
      {
        out: (text) => {
          said.out += text;
        },
        err: (text) => {
          said.err += text;
        },
      },
      {
        isTerminal: false,
        isGone: () => false,
        stdin: async () => stdin,
        input: async function* () {},
        write: async () => {},
      },
    ),
    env: { SKEIN_URL: nobody, SKEIN_TOKEN: 'x' },
    cwd: '/nonexistent',
    signal: new AbortController().signal,
    interrupted: new Emitter<number>(),
  };
  return { said, context };
}

async function run(...args: string[]) {
  const { said, context } = terminal();
  return { code: await runCommandLine(args, context, commands), ...said };
}

describe('runCommandLine', () => {
  it.each([[[]], [['help']], [['--help']], [['-h']]])('shows what there is for %j', async (args) => {
    const { code, out } = await run(...args);
    expect(code).toBe(0);
    const width = Math.max(...commands.map(({ name }) => name.length));
    for (const { name, summary } of commands) expect(out).toContain(`${name.padEnd(width)}  ${summary}`);
  });

  it.each(commands.map(({ name }) => name))('teaches %s with examples', async (name) => {
    const { code, out } = await run('help', name);
    expect(code).toBe(0);
    expect(out).toContain(`usage: skein ${name}`);
    expect(out).toContain('examples:');
    expect((await run(name, '--help')).out).toBe(out);
  });

  it.each([
    [['stauts'], 'There is no command "stauts". Did you mean "status"?', 'Try: skein help\n'],
    [['xyzzy'], 'There are: demo, init', 'Try: skein help\n'],
    [['status', '--jsno'], 'Did you mean --json?', 'Try: skein help status\n'],
    [['token', 'lits'], 'Did you mean list?', 'Try: skein help token\n'],
    [['token', 'create', '--role', 'root'], 'expected one of read, write, admin', 'help token'],
    [['token', 'create', '4', '--role', 'read'], '"4" is one argument too many', 'help token'],
    [['token', 'revoke'], 'revoke needs the id of a token', 'help token'],
    [['sql', ' '], 'There is no statement', 'help sql'],
    [['sql', 'SELECT 1', '--node', 'localhost:8083'], 'is not an address of a node', 'help sql'],
    [['spool', 'verfy', 'x'], 'Did you mean verify?', 'help spool'],
    [['spool', 'list'], 'needs a directory', 'help spool'],
    [['node'], '--config is missing', 'help node'],
    [['demo', '--replicas', '9'], 'expected a whole number from 0 to 8', 'help demo'],
    [['demo', '--acknowledge', 'none'], 'expected one of majority, all, async', 'help demo'],
    [['demo', '--link-port', '8084'], 'Port 8084 would be both', 'help demo'],
    [['help', 'nothing'], 'There is no command "nothing"', 'Try: skein help'],
  ])('ends with 2 for %j', async (args, problem, hint) => {
    const { code, err } = await run(...args);
    expect(err).toContain(problem);
    expect(err).toContain(hint);
    expect(code).toBe(2);
  });

  it('ends with 1 when a node does not answer, and says what to do', async () => {
    const { code, err } = await run('status');
    expect(code).toBe(1);
    expect(err).toContain(`No node answers at ${nobody}`);
    expect(err).toContain('npm start');
  });

  it('ends with 1 for an error with a code, and does not hide a defect', async () => {
    const failing = (error: Error): CommandEntry => ({
      name: 'fail',
      summary: '',
      load: async () => ({
        usage: '',
        description: '',
        options: {},
        examples: [],
        positionals: [0, 0],
        run: () => Promise.reject(error),
      }),
    });
    const { said, context } = terminal();
    expect(await runCommandLine(['fail'], context, [failing(new SkeinError('X', 'broken'))])).toBe(1);
    expect(said.err).toBe('skein: broken\n');
    await expect(runCommandLine(['fail'], context, [failing(new Error('bug'))])).rejects.toThrow('bug');
  });
});
