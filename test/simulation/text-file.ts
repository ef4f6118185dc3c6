import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';

/**
 * Compares a text with a file that people read. SKEIN_REWRITE=1 writes the file anew: look at what changed in it before you
 * commit it.
 */
export function expectFile(path: string, text: string): void {
  if (process.env.SKEIN_REWRITE === '1') writeFileSync(path, text);
  expect(text, `${path} (SKEIN_REWRITE=1 writes it anew)`).toBe(readFileSync(path, 'utf8'));
}
