import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import { ApiError, notPrimary, toApiError } from '../../api/api-error.js';
import { formatPosition } from '../../model/position.js';
import { withoutLeadingComments } from '../../mysql-protocol/sql-text.js';
import { executeSql } from '../../sql/execute.js';
import { checkRepeatable, executeOnce, type OnceOutcome } from '../../sql/execute-once.js';
import { NDJSON_TYPE, NdjsonOutput } from '../../sql/ndjson-output.js';
import { planSql, type SqlPlan, type SqlRequest } from '../../sql/request.js';
import { ResultBuilder } from '../../sql/result-builder.js';
import type { ResultOutput } from '../../sql/result-output.js';
import type { SqlOutcome } from '../../sql/sql-outcome.js';
import { errorContext } from '../../sql/within-time.js';
import { wantsLines } from '../accept.js';
import { answerHeaders, FORWARDED_BY, forwardToPrimary } from '../forward.js';
import { type Attempted, final } from '../held-requests.js';
import { callerOf, type Handler, type HandlerModules, type HandlerRequest } from './context.js';
import type { HandlerReply } from './reply.js';

/** Enough to recognise a statement in the log, too little to hold a value. */
const FIRST_WORDS = /^[^A-Za-z_]*([A-Za-z_]{1,40})(?:[^A-Za-z_]+([A-Za-z_]{1,40}))?/;

/** Errors of a read that was stopped; when its token ended, the answer is TOKEN_REVOKED instead. */
const STOPPED = new Set(['TIMEOUT', 'CLIENT_GONE']);
/** The node serves nobody now, see Openness. */
const CLOSED: ReadonlySet<string> = new Set(['NOT_OPEN', 'NO_QUORUM', 'SERVER_DOWN']);

function tokenRevoked(reason: string): ApiError {
  return new ApiError(401, 'TOKEN_REVOKED', `The request was stopped: ${reason}.`, { applied: 'no' });
}

export const handleSql: Handler = async (request, modules) => {
  const role = request.token?.role ?? 'read';
  let plan: SqlPlan;
  try {
    plan = planSql(request.body as SqlRequest, request.header('x-skein-position'));
  } catch (error) {
    throw toApiError(error, errorContext(modules.node, role));
  }
  const output = makeOutput(plan, request);
  const key = request.header('idempotency-key');
  if (key !== undefined) checkRepeatable(key, plan, output instanceof NdjsonOutput);
  const revoked: Revoked = { because: null };
  request.onRevoked((reason) => {
    revoked.because = reason;
    if (!(output instanceof NdjsonOutput) || !output.opened) return;
    output.finish(JSON.stringify({ type: 'error', ...tokenRevoked(reason).toBody(request.requestId) }));
  });
  const asked = { request, modules, output, key, revoked, startedAt: performance.now() };
  // The session of an open transaction is on this node, and ends with its role.
  if (plan.tx !== null) return (await attempt(plan, asked, false)).reply();
  const isForwarded = request.header(FORWARDED_BY) !== undefined;
  const { timeoutMs, forward } = plan;
  return modules.held.run(
    { timeoutMs, forwards: forward && !isForwarded, staysHere: isForwarded, gone: request.gone },
    (how) => attempt({ ...plan, timeoutMs: how.timeoutMs }, asked, how.forwards),
  );
};

interface Revoked {
  because: string | null;
}

interface Asked {
  readonly request: HandlerRequest;
  readonly modules: HandlerModules;
  readonly output: NdjsonOutput | ResultBuilder;
  readonly key: string | undefined;
  readonly revoked: Revoked;
  readonly startedAt: number;
}

/** Runs the statements here, or forwards the request. @throws ApiError when nothing was run at all */
async function attempt(plan: SqlPlan, asked: Asked, forwards: boolean): Promise<Attempted> {
  const { request, modules, output, revoked, startedAt } = asked;
  output.restart();
  let ran: { plan: SqlPlan; outcome: SqlOutcome | OnceOutcome };
  try {
    ran = await runHere(plan, asked);
  } catch (error) {
    if (!(error instanceof ApiError && forwards && mayForward(error, plan, asked))) throw error;
    return final(await forward(plan, request, modules, error));
  }
  let { outcome } = ran;
  if (revoked.because !== null && STOPPED.has(outcome.error?.code ?? '')) {
    outcome = { ...outcome, error: tokenRevoked(revoked.because) };
  }
  const { error } = outcome;
  if (error && forwards && mayForward(error, plan, asked))
    return final(await forward(plan, request, modules, error));
  const answered = { plan: ran.plan, outcome, request, durationMs: performance.now() - startedAt, modules };
  if (!(output instanceof NdjsonOutput)) return { reply: () => answer(output, answered), refusal: error };
  return { reply: () => answerLines(output, answered), refusal: output.opened ? null : error };
}

async function runHere(
  plan: SqlPlan,
  { request, modules, output, key }: Asked,
): Promise<{ plan: SqlPlan; outcome: SqlOutcome | OnceOutcome }> {
  const caller = callerOf(request);
  // A request that cannot write needs no protection from being executed twice.
  const once = key !== undefined && caller.role !== 'read' && modules.node.role() === 'primary';
  if (!once || !(output instanceof ResultBuilder))
    return { plan, outcome: await executeSql(plan, caller, output, modules.sql) };
  const atomic = { ...plan, transaction: true };
  return {
    plan: atomic,
    outcome: await executeOnce(key, { plan: atomic, caller, results: output }, modules.sql),
  };
}

function makeOutput(plan: SqlPlan, request: HandlerRequest): NdjsonOutput | ResultBuilder {
  const format = { rows: plan.rows, bigint: plan.bigint };
  if (!wantsLines(request.header('accept'))) return new ResultBuilder(format, request.answerRoom);
  return new NdjsonOutput(format, () => request.openStream(200, { 'content-type': NDJSON_TYPE }));
}

/** Whether the primary may serve the request instead: never when a part of it was done or answered already. */
function mayForward({ code, details }: ApiError, { forward }: SqlPlan, { output, modules }: Asked): boolean {
  if (output instanceof NdjsonOutput && output.opened) return false;
  if ((details.applied ?? 'no') !== 'no') return false;
  if (code === 'LAG_TOO_LARGE') return forward;
  return code === 'NOT_PRIMARY' || (CLOSED.has(code) && modules.node.primaryIs() === 'elsewhere');
}

async function forward(
  plan: SqlPlan,
  request: HandlerRequest,
  { node }: HandlerModules,
  refusal: ApiError,
): Promise<HandlerReply> {
  const primary = node.primaryHttp();
  if (primary === null) throw refusal;
  const answer: IncomingMessage = await forwardToPrimary({
    primary,
    ca: node.authority?.(),
    path: '/v1/sql',
    body: request.rawBody,
    header: request.header,
    requestId: request.requestId,
    node: node.name,
    timeoutMs: plan.timeoutMs,
    mayWrite: request.token?.role !== 'read',
    gone: request.gone,
    onOtherPrimary: (listener) =>
      node.onPrimary(() => {
        const now = node.primaryHttp();
        if (now !== null && now !== primary) listener();
      }),
  });
  const status = answer.statusCode ?? 502;
  if (status === 421) {
    // Its role has changed meanwhile. Nothing was done there.
    answer.resume();
    throw notPrimary(null);
  }
  const response = request.openStream(status, answerHeaders(answer));
  return {
    kind: 'sent',
    facts: { ...planFacts(plan, 0), forwardedTo: primary, outcome: status < 400 ? 'ok' : 'error' },
    // When one side is cut, the other one is cut too, so the client notices a body that is too short.
    finish: () => pipeline(answer, response, () => {}),
  };
}

interface Answered {
  readonly plan: SqlPlan;
  readonly outcome: SqlOutcome | OnceOutcome;
  readonly request: HandlerRequest;
  readonly durationMs: number;
  readonly modules: HandlerModules;
}

function answer(builder: ResultBuilder, answered: Answered): HandlerReply {
  const { plan, outcome, request } = answered;
  const { error } = outcome;
  const facts = factsOf(builder, answered);
  // The results of a transaction that was rolled back are not shown.
  const results = error && plan.transaction ? [] : builder.results;
  const replayed = 'replayed' in outcome ? outcome.replayed : null;
  const resultsText = `"results":${replayed ?? `[${results.join(',')}]`}`;
  if (error === null) {
    return {
      kind: 'json',
      body: `{${resultsText},${tailText(answered)}}`,
      headers: headersOf(outcome),
      facts,
    };
  }
  const errorText = JSON.stringify(error.toBody(request.requestId).error);
  return {
    kind: 'json',
    status: error.status,
    body:
      results.length > 0
        ? `{"error":${errorText},${resultsText},${tailText(answered)}}`
        : `{"error":${errorText}}`,
    headers: headersOf(outcome),
    facts,
  };
}

function answerLines(output: NdjsonOutput, answered: Answered): HandlerReply {
  const { plan, outcome, request } = answered;
  const { error } = outcome;
  const facts = factsOf(output, answered);
  if (error !== null) {
    const { error: told } = error.toBody(request.requestId);
    const done = output.resultCount > 0 && !plan.transaction ? `,${output.resultsText()}` : '';
    const text = `"error":${JSON.stringify(told)}${done}`;
    if (output.opened) {
      return { kind: 'sent', facts, finish: () => output.finish(`{"type":"error",${text}}`) };
    }
    output.discard();
    return { kind: 'json', status: error.status, body: `{${text}}`, headers: headersOf(outcome), facts };
  }
  const line = `{"type":"end",${output.resultsText()},${tailText(answered)}}`;
  if (output.opened) return { kind: 'sent', facts, finish: () => output.finish(line) };
  return {
    kind: 'json',
    contentType: NDJSON_TYPE,
    body: output.take(line),
    headers: headersOf(outcome),
    facts,
  };
}

/** The end of every complete answer, after its results. */
function tailText({ outcome, durationMs, modules: { node } }: Answered): string {
  return `"position":${JSON.stringify(formatPosition(outcome.position))},"node":${JSON.stringify(node.name)},"role":"${node.role()}","epoch":${node.epoch()},"lagMs":${node.ready().lagMs ?? 'null'},"acknowledgedBy":${JSON.stringify(outcome.acknowledgedBy)},"durationMs":${Math.round(durationMs * 1000) / 1000}`;
}

function headersOf(outcome: SqlOutcome | OnceOutcome): Record<string, string> {
  const { position, error } = outcome;
  return {
    ...('replayed' in outcome && outcome.replayed !== null && { 'idempotency-replayed': 'true' }),
    'x-skein-position': formatPosition(position),
    ...(error?.details.retryAfterS !== undefined && { 'retry-after': String(error.details.retryAfterS) }),
  };
}

function factsOf(output: ResultOutput, { plan, outcome }: Answered): Record<string, unknown> {
  const { error } = outcome;
  return {
    ...planFacts(plan, error?.details.statement ?? 0),
    ...('replayed' in outcome && outcome.replayed !== null && { replayed: true }),
    rows: output.rowCount,
    affected: output.affectedRows,
    ...(error && { outcome: error.code, applied: error.details.applied ?? 'no' }),
  };
}

function planFacts(plan: SqlPlan, statement: number): Record<string, unknown> {
  return { statements: plan.statements.length, verb: firstWords(plan.statements[statement]?.sql ?? '') };
}

function firstWords(sql: string): string {
  const [, first = '', second] = FIRST_WORDS.exec(withoutLeadingComments(sql).slice(0, 200)) ?? [];
  return (second === undefined ? first : `${first} ${second}`).toUpperCase().slice(0, 40);
}
