import type { Logger } from '../std/logger.js';

/** An orderly stop takes about two seconds. */
const TELL_MS = 5_000;

/** Waits for one step of an orderly stop. Logs again and again what the stop waits for when it takes long. */
export async function stopStep<T>(what: string, step: Promise<T>, logger: Logger): Promise<T> {
  const started = performance.now();
  const reminder = setInterval(() => {
    const durationMs = Math.round(performance.now() - started);
    logger.warn({ step: what, durationMs }, 'the node still stops');
  }, TELL_MS);
  try {
    return await step;
  } finally {
    clearInterval(reminder);
  }
}
