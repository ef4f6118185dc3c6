import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import { hideSecrets } from './hide-secrets.js';
import type { Logger } from './logger.js';
import { readableLine } from './readable-line.js';
import { redactTokens } from './redact-tokens.js';
import type { RotatingFile } from './rotating-file.js';

/** The only file that imports the logging library. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Lines of these levels may be written a moment later. */
const ROUTINE = /^\{"level":"(?:info|debug)"/;

/** Data of an error beside its message may hold a secret too. */
const errorField = (error: unknown) =>
  error instanceof Error ? hideSecrets({ ...stdSerializers.err(error) }) : error;

/**
 * The logger of a node: JSON lines in a file of bounded size, and readable ones on a terminal when there is one.
 * @param options.file  where the JSON lines go, e.g. `.skein/n1/node.log`
 * @param options.terminal  a stream for readable lines, or null
 */
export function createNodeLogger(options: {
  file: RotatingFile;
  level: LogLevel;
  bindings: Record<string, unknown>;
  terminal: (NodeJS.WritableStream & { hasColors?: () => boolean }) | null;
}): Logger {
  const { file, terminal } = options;
  const colour = terminal?.hasColors?.() ?? false;
  const destination: DestinationStream = {
    write(text) {
      const line = redactTokens(text);
      file.write(line, { urgent: !ROUTINE.test(line) });
      terminal?.write(readableLine(line, { colour }));
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
