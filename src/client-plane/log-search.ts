import { type LogFilter, logMatcher, parseLogLine } from '../api/log-filter.js';
import { backwardLines } from '../std/backward-lines.js';
import { type FoundLines, NewestLines, searchEnd } from '../std/newest-lines.js';
import { rotatedFiles } from '../std/rotating-file.js';

/** The newest `count` lines of a rotated log that match and fit. Reads from its end, as far back as it has to. */
export async function searchLog(path: string, filter: LogFilter, count: number): Promise<FoundLines> {
  const matches = logMatcher(filter);
  const newest = new NewestLines(count);
  const end = searchEnd(filter.since);
  for (const file of rotatedFiles(path)) {
    for await (const lines of backwardLines(file)) {
      for (const line of lines) {
        if (matches(line) && !newest.add(line)) return newest.found;
      }
      const oldest = parseLogLine(lines.at(-1) ?? '')?.time;
      if (end !== null && oldest !== undefined && oldest < end) return newest.found;
    }
  }
  return newest.found;
}
