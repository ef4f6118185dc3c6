/** Finds lines of an audit trail, from its end backwards, so that the last lines are cheap to find. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { backwardLines } from '../std/backward-lines.js';
import { type FoundLines, NewestLines, searchEnd } from '../std/newest-lines.js';
import { type AuditLine, auditFiles, parseLine } from './sealed-line.js';

export interface AuditFilter {
  /** ISO times; the first included, the second not. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** A token's id. */
  readonly token?: string | undefined;
  readonly requestId?: string | undefined;
  readonly kind?: string | undefined;
  /** `ok` or an error's code. */
  readonly outcome?: string | undefined;
  /** Text anywhere in the line; upper and lower case are the same. */
  readonly text?: string | undefined;
}

/** Whether the filter matches a line. */
export function auditMatcher(filter: AuditFilter): (text: string) => boolean {
  const { since, until, text: wanted, ...exact } = filter;
  const fields = Object.entries(exact).filter(([, value]) => value !== undefined);
  const needle = wanted?.toLowerCase();
  return (text) => {
    if (needle !== undefined && !text.toLowerCase().includes(needle)) return false;
    if (fields.length === 0 && since === undefined && until === undefined) return true;
    const line = parseLine(text)?.line;
    if (!line) return false;
    return (
      (since === undefined || line.time >= since) &&
      (until === undefined || line.time < until) &&
      fields.every(([name, value]) => line[name] === value)
    );
  };
}

/** The newest `count` lines that match and fit, as they stand in the files. */
export async function searchTrail(
  directory: string,
  filter: AuditFilter,
  count: number,
): Promise<FoundLines> {
  const matches = auditMatcher(filter);
  const newest = new NewestLines(count);
  const end = searchEnd(filter.since);
  for (const name of auditFiles(await readdir(directory)).reverse()) {
    for await (const lines of backwardLines(join(directory, name))) {
      for (const line of lines) {
        if (matches(line) && !newest.add(line)) return newest.found;
      }
      if (end !== null && isBefore(parseLine(lines.at(-1) ?? '')?.line, end)) {
        return newest.found;
      }
    }
  }
  return newest.found;
}

function isBefore(line: AuditLine | undefined, time: string): boolean {
  return line !== undefined && line.time < time;
}
