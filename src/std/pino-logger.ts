import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import type { Logger } from './logger.js';
import { readableLine } from './readable-line.js';
import { RotatingFile } from './rotating-file.js';

/** The only file that knows the logging library. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Whatever room logs such a field by mistake: it does not reach the file. */
const SECRETS = ['password', 'token', 'secret', 'authorization', 'passwd'];

/**
 * The logger of a node: JSON lines in a file of bounded size, and readable ones on a terminal when there is one.
 * @param options.path  where the JSON lines go, e.g. `.skein/n1/node.log`
 * @param options.bytesMax  size at which the file is rotated
 * @param options.terminal  a stream for readable lines, or null
 */
export function createNodeLogger(options: {
  path: string;
  bytesMax: number;
  level: LogLevel;
  bindings: Record<string, unknown>;
  terminal: (NodeJS.WritableStream & { hasColors?: () => boolean }) | null;
}): Logger {
  const { terminal } = options;
  const file = new RotatingFile({ path: options.path, bytesMax: options.bytesMax });
  const colour = terminal?.hasColors?.() ?? false;
  const destination: DestinationStream = {
    write(line) {
      file.write(line);
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
        serializers: { error: stdSerializers.err, err: stdSerializers.err, cause: stdSerializers.err },
        redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '(hidden)' },
      },
      destination,
    ),
  );
}

/** pino's own object has the right methods; this hides everything else of it. */
function adapt(inner: PinoLogger): Logger {
  return {
    debug: (data, message) => inner.debug(data, message),
    info: (data, message) => inner.info(data, message),
    warn: (data, message) => inner.warn(data, message),
    error: (data, message) => inner.error(data, message),
    child: (bindings) => adapt(inner.child(bindings)),
  };
}
