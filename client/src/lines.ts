/** Text and JSON from the body of an answer, line by line, as they arrive. While the caller does not read, the sender waits. */
export type ParseJson = (text: string) => unknown;

/** Whoever reads much has to do other things in between: a page draws. */
const BATCH_LINES = 500;

/** Lines without their ends. A last line without its end was cut, and is dropped. */
export async function* textLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  for await (const lines of textBatches(body)) yield* lines;
}

/** The same, as many at a time as came together: a turn of the event loop for each line would cost more than the line. */
async function* textBatches(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<readonly string[], void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (let at = 0; at < lines.length; at += BATCH_LINES) yield lines.slice(at, at + BATCH_LINES);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Never an empty one. */
export async function* jsonBatches<T>(
  body: ReadableStream<Uint8Array>,
  parse: ParseJson = JSON.parse,
): AsyncGenerator<readonly T[], void, undefined> {
  for await (const lines of textBatches(body)) {
    const values = lines.flatMap((line) => (line === '' ? [] : [parse(line) as T]));
    if (values.length > 0) yield values;
  }
}
