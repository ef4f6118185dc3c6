import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import { hideSecrets } from './hide-secrets.js';
import type { Logger } from './logger.js';
import { readableLine } from './readable-line.js';
import { redactTokens } from './redact-tokens.js';

/** The only file that imports the logging library. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Takes the lines of a log. */
export interface LineSink {
  /** @param line  with its line break at the end */
  write(line: string, options: { urgent: boolean }): void;
}

/** Lines of these levels may be written a moment later. */
const ROUTINE = /^\{"level":"(?:info|debug)"/;

/** Data of an error beside its message may hold a secret too. */
const errorField = (error: unknown) =>
  error instanceof Error ? hideSecrets({ ...stdSerializers.err(error) }) : error;

/**
 * JSON lines in a file of bounded size, and readable ones on a terminal when there is one.
 * @param options.file  e.g. `.skein/n1/node.log`
 * @param options.terminal  a stream for readable lines, or null
 */
export function nodeLog(options: {
  file: LineSink;
  terminal: (NodeJS.WritableStream & { hasColors?: () => boolean }) | null;
}): LineSink {
  const { file, terminal } = options;
  if (!terminal) return file;
  const colour = terminal.hasColors?.() ?? false;
  return {
    write(line, how) {
      file.write(line, how);
      terminal.write(readableLine(line, { colour }));
    },
  };
}

/** The logger of a node, or of one of its planes. */
export function createNodeLogger(options: {
  sink: LineSink;
  level: LogLevel;
  bindings: Record<string, unknown>;
}): Logger {
  const { sink } = options;
  const destination: DestinationStream = {
    write(text) {
      const line = redactTokens(text);
      sink.write(line, { urgent: !ROUTINE.test(line) });
    },
  };
  return adapt(
    pino(
      {
        level: options.level,
        base: options.bindings,
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: errorField, err: errorField, cause: errorField },
      },
      destination,
    ),
    {},
  );
}

/**
 * pino's own object has the right methods; this hides everything else of it. A child of a child is made from the root
 * with all bindings at once: pino would write a name that is bound twice (`part`) twice into the line.
 */
function adapt(root: PinoLogger, bindings: Record<string, unknown>): Logger {
  const inner = root.child(hideSecrets(bindings));
  return {
    debug: (data, message) => inner.debug(hideSecrets(data), message),
    info: (data, message) => inner.info(hideSecrets(data), message),
    warn: (data, message) => inner.warn(hideSecrets(data), message),
    error: (data, message) => inner.error(hideSecrets(data), message),
    child: (more) => adapt(root, { ...bindings, ...more }),
  };
}
