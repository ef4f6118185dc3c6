/**
 * Every error that Skein raises itself. `code` is what policy and tests look at; `message` is for people and
 * says what happened, where, and what to do next. Never put a secret in `message` or `data`.
 */
export class SkeinError extends Error {
  readonly code: string;
  readonly data: Record<string, unknown>;

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; data?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SkeinError';
    this.code = code;
    this.data = options.data ?? {};
  }
}

export function isSkeinError(error: unknown, code?: string): error is SkeinError {
  return error instanceof SkeinError && (code === undefined || error.code === code);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
