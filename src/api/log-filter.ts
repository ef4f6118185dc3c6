/** Which lines of a node's log are meant. Pure. */

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogFilter {
  /** This level and more severe ones. */
  readonly level?: LogLevel | undefined;
  /** ISO times; the first included, the second not. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** The part of the node that logged the line. */
  readonly part?: string | undefined;
  /** Text anywhere in the line; upper and lower case are the same. */
  readonly text?: string | undefined;
}

export function logMatcher(filter: LogFilter): (text: string) => boolean {
  const { level, since, until, part, text: wanted } = filter;
  const needle = wanted?.toLowerCase();
  const least = level === undefined ? 0 : LOG_LEVELS.indexOf(level);
  const needsFields = level !== undefined || since !== undefined || until !== undefined || part !== undefined;
  return (text) => {
    if (needle !== undefined && !text.toLowerCase().includes(needle)) return false;
    if (!needsFields) return true;
    const line = parseLogLine(text);
    return (
      line !== null &&
      LOG_LEVELS.indexOf(line.level as LogLevel) >= least &&
      (since === undefined || line.time >= since) &&
      (until === undefined || line.time < until) &&
      (part === undefined || line.part === part)
    );
  };
}

/** Null when the text is not a line of a log. */
export function parseLogLine(text: string): { level: string; time: string; part?: unknown } | null {
  try {
    const line = JSON.parse(text) as { level?: unknown; time?: unknown; part?: unknown };
    if (typeof line?.level !== 'string' || typeof line.time !== 'string') return null;
    return { level: line.level, time: line.time, part: line.part };
  } catch {
    return null;
  }
}
