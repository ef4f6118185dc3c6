/** Errors as HTTP answers them: one class, one body, status codes that tell the truth. */
import type { ServerErrorName, ServerErrors } from '../flavour/server-errors.js';
import { isSkeinError } from '../model/error.js';
import { ServerError } from '../mysql-client/replies.js';
import { ERRNO } from '../mysql-protocol/errno.js';
import type { ERRORS, ErrorCode } from './errors.js';
import type { Openness } from './node-view.js';

/** Whether what was asked has happened: true whatever the status code says. */
export type Applied = 'no' | 'yes' | 'partial' | 'unknown';

export interface ApiErrorDetails {
  readonly errno?: number | undefined;
  readonly sqlState?: string | undefined;
  /** Index of the failing statement. */
  readonly statement?: number | undefined;
  readonly retryable?: boolean | undefined;
  readonly applied?: Applied | undefined;
  readonly primary?: string | null | undefined;
  /** Value of the header Retry-After, in seconds. */
  readonly retryAfterS?: number | undefined;
}

/**
 * A code of the catalogue, or the name of one of the server's own errors. CLIENT_GONE is not in the catalogue: it ends
 * the stream of a client that has hung up, and no answer is sent.
 */
export type ApiErrorCode = Exclude<ErrorCode, 'ER_*'> | ServerErrorName | 'CLIENT_GONE';

/** The statuses that the catalogue has for a code. */
type StatusOf<Code> = (typeof ERRORS)[Code extends ErrorCode ? Code : 'ER_*']['status'][number];

export class ApiError<Code extends ApiErrorCode = ApiErrorCode> extends Error {
  readonly status: number;
  readonly code: ApiErrorCode;
  readonly details: ApiErrorDetails;

  constructor(status: StatusOf<Code>, code: Code, message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.details = details;
  }

  with(details: ApiErrorDetails): ApiError {
    // The catalogue has the two together already.
    const status = this.status as StatusOf<ApiErrorCode>;
    return new ApiError(status, this.code, this.message, { ...this.details, ...details });
  }

  toBody(requestId: string): { error: Record<string, unknown> } {
    const { errno, sqlState, statement, retryable, applied, primary } = this.details;
    return {
      error: {
        code: this.code,
        ...(errno !== undefined && { errno }),
        ...(sqlState !== undefined && { sqlState }),
        message: this.message,
        ...(statement !== undefined && { statement }),
        retryable: retryable ?? false,
        applied: applied ?? 'no',
        ...(primary !== undefined && { primary }),
        requestId,
      },
    };
  }
}

/** What the request may do, to tell FORBIDDEN from NOT_PRIMARY. */
export interface ErrorContext {
  readonly tokenRole: 'read' | 'write' | 'admin';
  readonly primaryHttp: string | null;
  readonly isPrimary: boolean;
  /** Whether requests may reach the local server now; absent = they may. */
  readonly isOpen?: boolean;
  readonly errors: ServerErrors;
}

export function notPrimary(primary: string | null, message?: string): ApiError {
  return new ApiError(
    421,
    'NOT_PRIMARY',
    message ??
      (primary === null
        ? 'This node is not the primary, and no primary is known now. Writes go to the primary.'
        : `This node is not the primary. Writes go to the primary at ${primary}.`),
    { primary, applied: 'no', retryable: primary !== null },
  );
}

/** The refusal of a node that serves nobody now, or of a witness, which never does. `primary`: base address of its HTTP. */
export function notOpen({ code, reason }: Openness & { open: false }, primary: string | null): ApiError {
  if (code !== 'WITNESS') return new ApiError(503, code, reason, { retryable: true });
  const where = primary === null ? 'No primary is known now.' : `The primary is at ${primary}.`;
  return new ApiError(421, 'WITNESS', `${reason} ${where}`, { primary, retryable: true });
}

/**
 * The failure of a request of which this much was done. 421 sends the whole request to another node, whoever gets it, so it is
 * never the answer when a part of it was done here.
 */
export function thatApplied(failure: ApiError, applied: Applied): ApiError {
  const { code, message, details } = failure;
  if (applied === 'no' || code !== 'NOT_PRIMARY') return failure.with({ applied });
  return new ApiError(503, 'NOT_OPEN', message, { ...details, applied, retryable: false });
}

/**
 * A replica's writing accounts lack INSERT (flavour/mariadb/accounts.ts says why), and the server reports that for a prepared
 * statement before it reports that it is read-only. So this error means NOT_PRIMARY: the role may write on the primary.
 */
function isReplicasRefusal({ errno, message }: ServerError, context: ErrorContext): boolean {
  return (
    !(context.isPrimary && context.isOpen !== false) &&
    context.tokenRole !== 'read' &&
    (errno === ERRNO.tableDenied || errno === ERRNO.columnDenied) &&
    /\bINSERT\b[A-Z, ]* command denied/.test(message)
  );
}

/** A primary refuses writes while it is closed, or is only becoming one. */
function noWriter(context: ErrorContext, details: { errno: number; sqlState: string }): ApiError {
  if (!context.isPrimary) return notPrimary(context.primaryHttp).with(details);
  return new ApiError(503, 'NOT_OPEN', 'The primary does not take writes at the moment.', {
    ...details,
    retryable: true,
  });
}

/** The server's error as an answer; its number, state and text are kept. */
function fromServerError(error: ServerError, context: ErrorContext): ApiError {
  const details = { errno: error.errno, sqlState: error.sqlState };
  const name = context.errors.nameOf(error.errno);
  const kind = context.errors.kindOf(error.errno);
  const readOnlyServer = error.errno === ERRNO.forbiddenByOption && error.message.includes('--read-only');
  if (context.tokenRole === 'read' && (readOnlyServer || error.errno === ERRNO.readOnlyTransaction)) {
    return new ApiError(403, 'FORBIDDEN', `A read token cannot write. ${error.message}`, details);
  }
  if (isReplicasRefusal(error, context)) return noWriter(context, details);
  // The role is an account of the server.
  if (kind === 'forbidden') {
    return new ApiError(
      403,
      'FORBIDDEN',
      `The token's role (${context.tokenRole}) may not do this. ${error.message}`,
      details,
    );
  }
  if (readOnlyServer || (error.errno === ERRNO.readOnlyTransaction && !context.isPrimary)) {
    return noWriter(context, details);
  }
  if (error.errno === ERRNO.forbiddenByOption && error.message.includes('NO_ENGINE_SUBSTITUTION')) {
    return new ApiError(
      400,
      name,
      `Only InnoDB tables are allowed, temporary tables included. Leave ENGINE out, or write ENGINE=InnoDB. ${error.message}`,
      details,
    );
  }
  if (kind === 'duplicate') return new ApiError(409, name, error.message, details);
  if (kind === 'conflict') {
    return new ApiError(409, name, error.message, { ...details, retryable: true });
  }
  if (kind === 'interrupted') return new ApiError(504, name, error.message, details);
  // A replica is filled from another node for this; meanwhile others can answer.
  if (kind === 'unavailable' || (kind === 'damaged' && !context.isPrimary)) {
    return new ApiError(503, name, error.message, { ...details, retryable: true });
  }
  return new ApiError(400, name, error.message, details);
}

/** Any error as an answer. An unexpected error is a 500 without its text, which belongs in the log. */
export function toApiError(error: unknown, context: ErrorContext): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ServerError) return fromServerError(error, context);
  if (isSkeinError(error)) {
    switch (error.code) {
      case 'INVALID_POSITION':
      case 'SESSION_VARIABLE':
        return new ApiError(400, error.code, error.message);
      case 'UNREADABLE_ANSWER':
        return new ApiError(501, error.code, `${error.message} Use a MySQL client on the MySQL port for it.`);
      case 'POSITION_NOT_REACHED':
        return new ApiError(412, error.code, error.message, { retryable: true });
      case 'TRANSACTION_LOST':
        return new ApiError(409, error.code, error.message);
      case 'SERVER_CONNECTION':
        // The original text names the socket, which only the log may have.
        return new ApiError(
          503,
          'SERVER_DOWN',
          'The connection to the local database server was lost, or could not be made.',
          { retryable: true },
        );
    }
  }
  return new ApiError(500, 'INTERNAL', 'The node failed on this request; its log says why.', {
    applied: 'unknown',
  });
}
