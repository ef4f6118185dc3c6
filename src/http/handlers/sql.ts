import { formatPosition } from '../../model/position.js';
import { ApiError, toApiError } from '../api-error.js';
import { errorContext, executeSql, type SqlOutcome } from '../sql/execute.js';
import { planSql, type SqlPlan, type SqlRequest } from '../sql/request.js';
import type { Handler, HandlerModules, HandlerReply } from './context.js';

/** Enough to recognise a statement in the log, too little to hold a value. */
const LOGGED_WORDS = 2;

export const handleSql: Handler = async (request, modules) => {
  const startedAt = performance.now();
  const role = request.token?.role ?? 'read';
  const accept = request.header('accept') ?? '';
  if (accept.includes('application/x-ndjson')) {
    throw new ApiError(
      400,
      'UNSUPPORTED_FIELD',
      '"Accept: application/x-ndjson" is planned, but this version does not have it yet.',
    );
  }
  if (request.header('idempotency-key') !== undefined) {
    throw new ApiError(
      400,
      'UNSUPPORTED_FIELD',
      'The header "Idempotency-Key" is planned, but this version does not have it yet.',
    );
  }
  let plan: SqlPlan;
  try {
    plan = planSql(request.body as SqlRequest, request.header('x-skein-position'));
  } catch (error) {
    throw toApiError(error, errorContext(modules.node, role));
  }
  const outcome = await executeSql(
    plan,
    { role, requestId: request.requestId, gone: request.gone },
    modules.sql,
  );
  return answer(outcome, plan, request.requestId, performance.now() - startedAt, modules);
};

function answer(
  outcome: SqlOutcome,
  plan: SqlPlan,
  requestId: string,
  durationMs: number,
  modules: HandlerModules,
): HandlerReply {
  const { node } = modules;
  const { error } = outcome;
  const position = formatPosition(outcome.position);
  const facts = {
    statements: plan.statements.length,
    verb: firstWords(plan.statements[error?.details.statement ?? 0]?.sql ?? ''),
    rows: outcome.rowCount,
    affected: outcome.affectedRows,
  };
  // Results of a request that was undone are not results.
  const results = error && plan.transaction ? [] : outcome.results;
  const tail = `"position":${JSON.stringify(position)},"node":${JSON.stringify(node.name)},"role":"${node.role()}","epoch":${node.epoch()},"lagMs":${node.ready().lagMs ?? 'null'},"acknowledgedBy":${JSON.stringify(outcome.acknowledgedBy)},"durationMs":${Math.round(durationMs * 1000) / 1000}`;
  const resultsText = `"results":[${results.join(',')}]`;
  if (error === null) {
    return {
      kind: 'json',
      body: `{${resultsText},${tail}}`,
      headers: { 'x-skein-position': position },
      facts,
    };
  }
  const errorText = JSON.stringify(error.toBody(requestId).error);
  return {
    kind: 'json',
    status: error.status,
    body: results.length > 0 ? `{"error":${errorText},${resultsText},${tail}}` : `{"error":${errorText}}`,
    headers: {
      'x-skein-position': position,
      ...(error.details.retryAfterS !== undefined && { 'retry-after': String(error.details.retryAfterS) }),
    },
    facts: { ...facts, outcome: error.code, applied: error.details.applied ?? 'no' },
  };
}

function firstWords(sql: string): string {
  const words = sql.slice(0, 200).match(/[A-Za-z_]+/g) ?? [];
  return words.slice(0, LOGGED_WORDS).join(' ').toUpperCase().slice(0, 40);
}
