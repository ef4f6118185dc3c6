import { Signal } from '../std/emitter.js';
import type { CommandContext } from './command.js';

/**
 * One Ctrl-C may arrive twice within milliseconds: from the terminal and, passed on, from npm. No person presses
 * the key that quickly.
 */
const SAME_INTERRUPT_MS = 300;

/** The real terminal, environment and signals of this process. `close` takes the signal handlers away. */
export function systemContext(): { context: CommandContext; close(): void } {
  const stop = new AbortController();
  const interrupted = new Signal<number>();
  let count = 0;
  let last = Number.NEGATIVE_INFINITY;
  const onSignal = () => {
    const now = performance.now();
    if (now - last < SAME_INTERRUPT_MS) return;
    last = now;
    count++;
    if (count === 1) stop.abort(new Error('stopped by a signal'));
    else interrupted.emit(count);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // A reader that goes away (`skein status | head -1`) is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    context: {
      terminal: {
        out: (text) => process.stdout.write(text),
        err: (text) => process.stderr.write(text),
        isTerminal: process.stdout.isTTY ?? false,
        columns: process.stdout.columns ?? 80,
        stdin: readStdin,
      },
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
