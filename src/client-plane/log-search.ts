import { type LogFilter, logMatcher, parseLogLine } from '../api/log-filter.js';
import { backwardLines } from '../std/backward-lines.js';
import { earlier } from '../std/earlier.js';
import { type FoundLines, NewestLines } from '../std/newest-lines.js';
import { rotatedFiles } from '../std/rotating-file.js';

/** Lines of both threads stand in one file: those of the client plane come in batches, some milliseconds late. */
const OUT_OF_ORDER_MS = 2_000;

/** The newest `count` lines of a rotated log that match and fit. Reads from its end, as far back as it has to. */
export async function searchLog(path: string, filter: LogFilter, count: number): Promise<FoundLines> {
  const matches = logMatcher(filter);
  const newest = new NewestLines(count);
  const lookBack = filter.since === undefined ? null : earlier(filter.since, OUT_OF_ORDER_MS);
  for (const file of rotatedFiles(path)) {
    for await (const lines of backwardLines(file)) {
      for (const line of lines) {
        if (matches(line) && !newest.add(line)) return newest.found;
      }
      const oldest = parseLogLine(lines.at(-1) ?? '')?.time;
      if (lookBack !== null && oldest !== undefined && oldest < lookBack) return newest.found;
    }
  }
  return newest.found;
}
