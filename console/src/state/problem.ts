/** What went wrong, as it is shown. Pure. */
import type { Applied, SkeinError } from '../../../client/src/index.js';

export interface Problem {
  readonly text: string;
  /** Of the node, or of the way to it; null where only the text helps. */
  readonly code: string | null;
  /** HTTP status; 0 = there was no answer. */
  readonly status: number;
  readonly applied: Applied;
  /** Address of the primary, where the answer named it. */
  readonly primary: string | null;
}

/** Codes that say that nothing came back at all. */
const NO_ANSWER = new Set(['NODE_UNREACHABLE', 'TIMEOUT']);

export function problemOf(error: unknown): Problem {
  if (!isSkeinError(error)) {
    const text = error instanceof Error ? error.message : String(error);
    return { text, code: null, status: 0, applied: 'unknown', primary: null };
  }
  const { code, message, status, applied, primary } = error;
  if (status === 0 && NO_ANSWER.has(code)) {
    const text = 'The node does not answer. It may be restarting; this page tries again by itself.';
    return { text, code: null, status, applied, primary };
  }
  return { text: message, code, status, applied, primary };
}

const APPLIED: Readonly<Record<Applied, string | null>> = {
  no: 'Nothing was changed.',
  unknown: 'It is not known whether it was done. Check before you repeat it.',
  partial: 'Part of it was done.',
  yes: null,
};

/** What a failed change has done. */
export const appliedText = ({ applied, status, code }: Problem): string | null =>
  code === null && status === 0 && applied === 'no' ? null : APPLIED[applied];

/** By its fields: the class may come from another bundle. */
function isSkeinError(error: unknown): error is SkeinError {
  return error instanceof Error && error.name === 'SkeinError';
}
