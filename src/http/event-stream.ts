/** One client of `GET /v1/events`: the events that it missed, then new events; comments are the heartbeats. */
import type { ServerResponse } from 'node:http';
import type { EventSource } from '../api/node-view.js';
import type { ClusterEvent } from '../model/status.js';
import { whenClosed } from './when-closed.js';

/** Below the idle time-outs of common proxies. */
const HEARTBEAT_MS = 10_000;
/** A client with more unread bytes is cut off; it comes back with Last-Event-ID. */
const UNREAD_MAX = 1024 * 1024;

function formatEvent(event: ClusterEvent): string {
  return `id: ${event.id}\nevent: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`;
}

/** The id to go on after; null for a new client (or a header that is no id). */
export function parseLastEventId(header: string | undefined): number | null {
  if (header === undefined || !/^\d{1,16}$/.test(header)) return null;
  const id = Number(header);
  return Number.isSafeInteger(id) ? id : null;
}

/** Returns a function that ends the stream; `last` is written before the end. */
export function streamEvents(
  response: ServerResponse,
  source: EventSource,
  lastEventId: number | null,
): (last?: string) => void {
  const end = (last = '') => {
    clearInterval(heartbeat);
    unsubscribe();
    response.end(last);
  };
  const write = (text: string) => {
    if (response.writableLength > UNREAD_MAX) {
      end();
      response.destroy();
      return;
    }
    response.write(text);
  };
  write(': skein\n\n');
  if (lastEventId !== null) {
    const { events, complete } = source.since(lastEventId);
    if (!complete) write(': some events are no longer kept\n\n');
    for (const event of events) write(formatEvent(event));
  }
  const unsubscribe = source.subscribe((event) => write(formatEvent(event)));
  const heartbeat = setInterval(() => write(': heartbeat\n\n'), HEARTBEAT_MS);
  heartbeat.unref();
  whenClosed(response, end);
  return end;
}
