/** Which requests get a line of the audit trail, and the fields of that line. */
import { type AuditStyle, statementFields } from '../audit/request-lines.js';
import { TokenLimits } from '../auth/token-limits.js';
import type { EndpointDefinition } from './endpoints/definition.js';

export interface EndedRequest {
  readonly request: {
    readonly requestId: string;
    readonly method: string;
    readonly path: string;
    readonly status: number;
    readonly token: string | null;
    readonly role: string | null;
    readonly durationMs: number | null;
    readonly outcome: string;
  };
  readonly address: string;
  /** Of the handler: rows, affected, what was created ... */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly endpoint: EndpointDefinition | null;
}

/**
 * Requests without a valid token that get a line of their own each second: a flood of them must not push out what others
 * have done. The others are counted in the next line.
 */
const UNAUTHENTICATED_PER_SECOND = 10;

/** Fields of the log line that stand for the statements; the audit line has the statements themselves. */
const TOLD_BY_STATEMENTS = new Set(['statements', 'verb']);

export class RequestAudit {
  readonly #style: AuditStyle;
  readonly #add: (fields: { kind: string; [field: string]: unknown }) => void;
  readonly #unauthenticated = new TokenLimits();
  #unrecorded = 0;

  constructor(style: AuditStyle, modules: { add(fields: { kind: string; [field: string]: unknown }): void }) {
    this.#style = style;
    this.#add = (fields) => modules.add(fields);
  }

  /** Records every request except probes and the page's files, which need no token and reveal nothing. */
  ended({ request, address, endpoint, facts, body }: EndedRequest): void {
    if (endpoint === null ? request.status < 400 : endpoint.auth === null) return;
    const isUnauthenticated = request.token === null;
    if (isUnauthenticated && this.#unauthenticated.take('', UNAUTHENTICATED_PER_SECOND) > 0) {
      this.#unrecorded++;
      return;
    }
    const { requestId, ...rest } = request;
    const line: { kind: string; [field: string]: unknown } = { kind: 'request', requestId, address, ...rest };
    for (const name in facts) if (!TOLD_BY_STATEMENTS.has(name)) line[name] = facts[name];
    if (endpoint !== null) Object.assign(line, statementFields(body, this.#style));
    if (isUnauthenticated && this.#unrecorded > 0) {
      line.unrecorded = this.#unrecorded;
      this.#unrecorded = 0;
    }
    this.#add(line);
  }
}
