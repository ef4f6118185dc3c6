import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** scripts/test.mjs names one of its own for each run. */
const DIRECTORY = process.env.SKEIN_TEST_RESULTS ?? 'test-results';
/** Characters: what is not longer stays in the message itself. */
const SHORT = 500;

/**
 * Logs and states that belong to a failure: a long text goes into a file, so that the failure itself stays readable.
 * @param what the test, or what was waited for; becomes the name of the file
 * @returns the text, or where it is
 */
export function keptLogs(what: string, text: string): string {
  if (text.length <= SHORT) return text;
  const path = join(DIRECTORY, `${what.replace(/[^\w.-]+/g, '-').slice(0, 100)}.log`);
  mkdirSync(DIRECTORY, { recursive: true });
  appendFileSync(path, `===== ${new Date().toISOString()} ${what}\n${text}\n`);
  return `logs: ${path}`;
}
