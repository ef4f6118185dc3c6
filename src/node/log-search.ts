import { type LogFilter, logMatcher, parseLogLine } from '../http/log-filter.js';
import { backwardLines } from '../std/backward-lines.js';
import { rotatedFiles } from '../std/rotating-file.js';

/** The newest `count` lines of a rotated log that match, oldest first. Reads from its end, as far back as it has to. */
export async function searchLog(path: string, filter: LogFilter, count: number): Promise<string[]> {
  const matches = logMatcher(filter);
  const found: string[] = [];
  for (const file of rotatedFiles(path)) {
    for await (const lines of backwardLines(file)) {
      for (const line of lines) {
        if (matches(line)) found.push(line);
        if (found.length >= count) return found.reverse();
      }
      const oldest = parseLogLine(lines.at(-1) ?? '')?.time;
      if (filter.since !== undefined && oldest !== undefined && oldest < filter.since) return found.reverse();
    }
  }
  return found.reverse();
}
