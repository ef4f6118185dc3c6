/** One client that follows lines (log, audit trail) as NDJSON: those that are there, then those that come. */
import type { ServerResponse } from 'node:http';

/** A client that reads this little is cut off. */
const UNREAD_MAX = 4 * 1024 * 1024;
/** An empty line, which NDJSON readers skip: below the idle time-outs of common proxies. */
const HEARTBEAT_MS = 10_000;

export interface LineFeed {
  /** Lines that are there already, oldest first. */
  first(): Promise<readonly string[]>;
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
  response.on('close', () => end());
  // Headers go out at once: a client may have to wait long for the first line.
  response.flushHeaders();
  feed.first().then(
    (lines) => {
      const known = new Set(lines);
      write(textOf([...lines, ...(early ?? []).filter((line) => !known.has(line))]));
      early = null;
    },
    () => response.destroy(),
  );
  return end;
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
