import { expect, it } from 'vitest';
import { SkeinClient } from './client.js';
import { readEvents } from './feed.js';

const streamOf = (bytes: Uint8Array, size: number) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });

it('events come whole, wherever they were cut on the way; signs of life and half an event do not', async () => {
  const text =
    ': skein\n\nid: 7\nevent: link.up\ndata: {"subject":"ä😀"}\n\n: heartbeat\n\nid: 8\nevent: x\ndata: {}\n\nid: 9\nevent: y\n';
  for (const size of [1, 2, 3, 7, 1000]) {
    const events: unknown[] = [];
    for await (const event of readEvents(streamOf(new TextEncoder().encode(text), size))) events.push(event);
    expect(events).toEqual([
      { id: '7', event: 'link.up', data: { subject: 'ä😀' } },
      { id: '8', event: 'x', data: {} },
    ]);
  }
});

it('a feed is asked for with its query and the last event, and ends with its signal alone', async () => {
  const asked: { url: string; lastEventId: string | null }[] = [];
  const ended = new AbortController();
  const skein = new SkeinClient({
    nodes: 'http://a.example',
    token: 't',
    discover: false,
    fetch: async (url, init) => {
      asked.push({ url: String(url), lastEventId: new Headers(init?.headers).get('last-event-id') });
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"a":1}\n\n{"a":2}\n'));
          init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason));
        },
      });
      return new Response(body);
    },
  });
  const lines: string[] = [];
  const follow = async () => {
    const options = { signal: ended.signal, node: 'http://a.example', timeoutMs: 50 };
    for await (const line of skein.follow('getLogs', { tail: 5, level: 'warn' }, options)) {
      lines.push(line);
      // Longer than the time of the call: that counts until the answer begins.
      if (lines.length === 2) setTimeout(() => ended.abort(new Error('enough')), 200);
    }
  };
  await expect(follow()).rejects.toThrow('enough');
  expect(lines).toEqual(['{"a":1}', '{"a":2}']);
  await skein
    .events({ after: '7', signal: AbortSignal.abort() })
    .next()
    .catch(() => {});
  const events = skein.events({ after: '7' });
  void events.next().catch(() => {});
  await expect.poll(() => asked.length).toBe(2);
  expect(asked).toEqual([
    { url: 'http://a.example/v1/logs?tail=5&level=warn&follow=true', lastEventId: null },
    { url: 'http://a.example/v1/events', lastEventId: '7' },
  ]);
});

it('numbers in JSON are read as the caller wants them', async () => {
  const skein = new SkeinClient({
    nodes: 'http://a.example',
    token: 't',
    discover: false,
    parseJson: (text) => JSON.parse(text.replace(/\d{17,}/g, '"$&"')),
    fetch: async () => new Response('{"node":12345678901234567890}'),
  });
  expect(await skein.call('getHealth')).toEqual({ node: '12345678901234567890' });
});
