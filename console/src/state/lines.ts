/** Lines of a node's log and of its audit trail. Pure. */
import { clock } from './text.js';

export type Source = 'log' | 'audit';
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

export interface ShownLine {
  /** For the list: no two lines have the same. */
  readonly key: number;
  /** As it came. */
  readonly raw: string;
  readonly time: string;
  readonly level: string;
  readonly part: string;
  readonly text: string;
  /** The rest of the line's data. */
  readonly data: string;
}

/** More than this is for a file, not for a page. */
const KEPT = 2000;

/**
 * Appends what is new. A feed that begins again begins with lines that are there already; when it does not, all of it is new.
 */
export function withLines(
  lines: readonly ShownLine[],
  raw: readonly string[],
  source: Source,
): readonly ShownLine[] {
  let key = (lines.at(-1)?.key ?? 0) + 1;
  const added = raw.map((text) => ({ ...lineOf(text, source), key: key++ }));
  return [...lines, ...added].slice(-KEPT);
}

/**
 * Open pages ask for the cluster every second, and the audit trail has each of these requests. One that was answered tells nobody
 * anything.
 */
export function isPoll({ raw }: ShownLine): boolean {
  const { method, path, outcome } = parsed(raw);
  return method === 'GET' && (path === '/v1/cluster' || path === '/v1/history') && outcome === 'ok';
}

/** What of a feed that begins again is not there yet. */
export function afterNewest(lines: readonly ShownLine[], raw: readonly string[]): readonly string[] {
  const newest = lines.at(-1)?.raw;
  return newest === undefined ? raw : raw.slice(raw.lastIndexOf(newest) + 1);
}

function lineOf(raw: string, source: Source): Omit<ShownLine, 'key'> {
  const fields = parsed(raw);
  return source === 'log' ? logLine(raw, fields) : auditLine(raw, fields);
}

function logLine(raw: string, fields: Fields): Omit<ShownLine, 'key'> {
  const { time, level = 'info', node: _node, part, msg, ...data } = fields;
  const [text, rest] = told(plain(msg), data);
  return {
    raw,
    time: clock(time, 'milliseconds'),
    level: plain(level),
    part: plain(part),
    text,
    data: pairs(rest),
  };
}

function auditLine(raw: string, fields: Fields): Omit<ShownLine, 'key'> {
  const { time, at, kind, node: _node, outcome, seq: _seq, mac: _mac, ...data } = fields;
  const failed = outcome !== undefined && outcome !== 'ok';
  const [text, { statements, ...rest }] = told(kind === 'event' ? 'cluster event' : 'request', data);
  const said = statementsText(statements);
  return {
    raw,
    time: clock(time ?? at, 'milliseconds'),
    level: failed ? 'warn' : 'info',
    part: plain(kind),
    text: [text === 'request' ? '' : text, plain(outcome), said ?? ''].filter(Boolean).join(' · '),
    data: pairs(said === null && statements !== undefined ? { ...rest, statements } : rest),
  };
}

/** The statements of a request, as they were said; null for anything else. */
function statementsText(statements: unknown): string | null {
  if (!Array.isArray(statements) || statements.length === 0) return null;
  const texts = statements.map((each: unknown) => (each as { sql?: unknown } | null)?.sql);
  return texts.every((sql) => typeof sql === 'string') ? texts.join('; ') : null;
}

type Fields = Readonly<Record<string, unknown>>;

/** The kinds of lines that come often say at once what they are about; the rest of the data follows. */
function told(text: string, data: Fields): [string, Fields] {
  if (text === 'request' && data.method) {
    const { method, path, status, requestId: _id, ...rest } = data;
    return [[method, path, status].filter((part) => part !== undefined).join(' '), rest];
  }
  if (text === 'cluster event' && data.event) {
    const { event, subject, reason, ...rest } = data;
    return [`${event} ${subject}: ${reason}`, rest];
  }
  return [text, data];
}

function parsed(raw: string): Fields {
  try {
    const value: unknown = JSON.parse(raw);
    return typeof value === 'object' && value !== null ? (value as Fields) : { msg: raw };
  } catch {
    return { msg: raw };
  }
}

const plain = (value: unknown): string =>
  value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
const pairs = (data: Fields): string =>
  Object.entries(data)
    .map(([name, value]) => `${name}=${plain(value)}`)
    .join(' ');
