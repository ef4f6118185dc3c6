import { readFileSync } from 'node:fs';

/**
 * How many files and sockets this process may have open at a time; null where that is unknown. Node has raised the soft
 * limit to the hard one by then.
 */
export function descriptorLimit(limits = readLimits()): number | null {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(limits)?.[1];
  if (soft === undefined) return null;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
