import { Emitter } from '../std/emitter.js';
import { StopSignal } from '../std/stop-signal.js';
import type { CommandContext } from './command.js';
import { createTerminal } from './terminal.js';

/**
 * One Ctrl-C may arrive twice within milliseconds: from the terminal, and forwarded by npm. A user cannot press the key
 * that fast.
 */
const SAME_INTERRUPT_MS = 300;

/** The real terminal, environment and signals of this process. `close` takes the signal handlers away. */
export function systemContext(): { context: CommandContext; close(): void } {
  const stop = new AbortController();
  const interrupted = new Emitter<number>();
  let count = 0;
  let last = Number.NEGATIVE_INFINITY;
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (now - last < SAME_INTERRUPT_MS) return;
    last = now;
    count++;
    if (count === 1) stop.abort(new StopSignal(signal));
    else interrupted.emit(count);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // A closed output (`skein status --watch | head -1`, a closed terminal) is not an error. In particular it must not end a
  // demo, which would leave its nodes without a supervisor.
  let outputIsGone = false;
  const onOutputError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    outputIsGone = true;
  };
  process.stdout.on('error', onOutputError);
  process.stderr.on('error', onOutputError);
  return {
    context: {
      terminal: createTerminal(
        { out: (text) => process.stdout.write(text), err: (text) => process.stderr.write(text) },
        {
          isTerminal: process.stdout.isTTY ?? false,
          isGone: () => outputIsGone,
          stdin: readStdin,
          input: () => process.stdin,
          write: (bytes) =>
            new Promise((resolve) => {
              if (outputIsGone || process.stdout.write(bytes)) resolve();
              else {
                process.stdout.once('drain', resolve);
                process.stdout.once('error', () => resolve());
              }
            }),
        },
      ),
      env: process.env,
      cwd: process.cwd(),
      signal: stop.signal,
      interrupted,
    },
    close() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

async function readStdin(): Promise<string> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const piece of process.stdin) text += piece;
  return text;
}
