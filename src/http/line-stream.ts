/** One client that follows lines (log, audit trail) as NDJSON: those that are there, then those that come. */
import type { ServerResponse } from 'node:http';
import { FOUND_LINES_BYTES_MAX, type FoundLines } from '../std/newest-lines.js';
import { whenClosed } from './when-closed.js';

/** A client that reads this little is cut off. */
const UNREAD_MAX = 4 * 1024 * 1024;
/** An empty line, which NDJSON readers skip: below the idle time-outs of common proxies. */
const HEARTBEAT_MS = 10_000;

export interface LineFeed {
  /** Lines that are there already. */
  first(): Promise<FoundLines>;
  subscribe(listener: (lines: readonly string[]) => void): () => void;
  matches(line: string): boolean;
}

/** Gives what ends the stream from our side; `last` is written before the end. */
export function streamLines(response: ServerResponse, feed: LineFeed): (last?: string) => void {
  /** Lines that come while the first ones are looked up; some may be among these. */
  let early: string[] | null = [];
  const end = (last = '') => {
    clearInterval(heartbeat);
    unsubscribe();
    response.end(last);
  };
  const write = (text: string) => {
    if (text !== '') response.write(text);
    if (response.writableLength <= UNREAD_MAX) return;
    end();
    response.destroy();
  };
  const unsubscribe = feed.subscribe((lines) => {
    const wanted = lines.filter((line) => feed.matches(line));
    if (early === null) write(textOf(wanted));
    else early.push(...wanted);
  });
  const heartbeat = setInterval(() => write('\n'), HEARTBEAT_MS);
  heartbeat.unref();
  whenClosed(response, end);
  // Headers go out at once: a client may have to wait long for the first line.
  response.flushHeaders();
  feed.first().then(
    (found) => {
      const known = new Set(found.lines);
      write(textOf([...linesToSend(found), ...(early ?? []).filter((line) => !known.has(line))]));
      early = null;
    },
    () => response.destroy(),
  );
  return end;
}

/** A client sees that older lines were left out by the first one, which is none of the log's. */
export function linesToSend({ lines, isCut }: FoundLines): readonly string[] {
  return isCut ? [LINES_CUT, ...lines] : lines;
}

const LINES_CUT = JSON.stringify({
  event: 'lines.cut',
  reason: `Older lines that match were left out: lines of ${FOUND_LINES_BYTES_MAX} bytes together are sent at most. Ask for them with "until".`,
});

export function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
