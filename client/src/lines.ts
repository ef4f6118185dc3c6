/** Text and JSON from the body of an answer, line by line, as they arrive. While the caller does not read, the sender waits. */
export type ParseJson = (text: string) => unknown;

/** Lines without their ends. A last line without its end was cut, and is dropped. */
export async function* textLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

export async function* jsonLines<T>(
  body: ReadableStream<Uint8Array>,
  parse: ParseJson = JSON.parse,
): AsyncGenerator<T, void, undefined> {
  for await (const line of textLines(body)) if (line !== '') yield parse(line) as T;
}
