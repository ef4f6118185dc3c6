/**
 * The logger that every room gets. Each call has a data object and a constant message (pino's order of arguments), so that
 * lines can be counted and searched. No room imports a logging library or a global logger.
 */
export interface Logger {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
  child(bindings: Record<string, unknown>): Logger;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
