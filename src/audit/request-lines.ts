/** The fields of a request's audit line that describe its statements. Pure. */
import { cut, maskLiterals } from './mask-literals.js';

export interface AuditStyle {
  /** `masked`: with ? for each literal; `full`: as it was sent; `none`: not at all. */
  readonly statements: 'masked' | 'full' | 'none';
  /** Whether the values of parameters are kept; else only how many there were. */
  readonly parameters: boolean;
}

/** Statements of a batch that are recorded; `statementCount` has their number. */
const STATEMENTS_MAX = 100;
const PARAMETERS_TEXT_MAX = 10_000;

interface Statement {
  readonly sql: string;
  readonly params?: readonly unknown[];
}

/** Empty when the request has no statement. */
export function statementFields(body: unknown, style: AuditStyle): Record<string, unknown> {
  const all = statementsOf(body);
  if (all.length === 0) return {};
  return {
    ...(all.length > 1 && { statementCount: all.length }),
    statements: all.slice(0, STATEMENTS_MAX).map(({ sql, params }) => ({
      ...(style.statements !== 'none' && {
        sql: style.statements === 'masked' ? maskLiterals(sql) : cut(sql),
      }),
      params: style.parameters ? valuesText(params ?? []) : (params?.length ?? 0),
    })),
  };
}

/** Accepts a body of any shape, even an invalid one: refused requests are recorded too. */
function statementsOf(body: unknown): Statement[] {
  const one = statementOf(body);
  if (one) return [one];
  if (typeof body !== 'object' || body === null) return [];
  const { statements } = body as Record<string, unknown>;
  return Array.isArray(statements) ? statements.flatMap((each) => statementOf(each) ?? []) : [];
}

function statementOf(value: unknown): Statement | null {
  if (typeof value !== 'object' || value === null) return null;
  const { sql, params } = value as Record<string, unknown>;
  return typeof sql === 'string' ? { sql, ...(Array.isArray(params) && { params }) } : null;
}

function valuesText(params: readonly unknown[]): unknown {
  const text = JSON.stringify(params);
  return text.length <= PARAMETERS_TEXT_MAX ? params : `${text.slice(0, PARAMETERS_TEXT_MAX)}...`;
}
