/** One client that follows lines (log, audit trail) as NDJSON: the existing lines, then new ones. */
import type { ServerResponse } from 'node:http';
import { FOUND_LINES_BYTES_MAX, type FoundLines } from '../std/newest-lines.js';
import { whenClosed } from './when-closed.js';

/** A client with more unread bytes is cut off. */
const UNREAD_MAX = 4 * 1024 * 1024;
/** An empty line, which NDJSON readers skip: below the idle time-outs of common proxies. */
const HEARTBEAT_MS = 10_000;

export interface LineFeed {
  /** The existing lines. */
  first(): Promise<FoundLines>;
  subscribe(listener: (lines: readonly string[]) => void): () => void;
  matches(line: string): boolean;
}

/** Returns a function that ends the stream; `last` is written before the end. */
export function streamLines(response: ServerResponse, feed: LineFeed): (last?: string) => void {
  /** Lines that come while the first ones are searched; some of them may be among the first ones too. */
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

/** When older lines were left out, a first line that is not from the log tells the client so. */
export function linesToSend({ lines, isCut }: FoundLines): readonly string[] {
  return isCut ? [LINES_CUT, ...lines] : lines;
}

const LINES_CUT = JSON.stringify({
  event: 'lines.cut',
  reason: `Older lines that match were left out: at most ${FOUND_LINES_BYTES_MAX} bytes of lines are sent. Ask for them with "until".`,
});

export function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
