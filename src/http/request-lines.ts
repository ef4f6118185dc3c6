/** Writes the log line, the audit line and the count of each request when it has ended. */
import type { FastifyRequest } from 'fastify';
import type { NodeView } from '../api/node-view.js';
import type { AuditStyle } from '../audit/request-lines.js';
import { messageOf } from '../model/error.js';
import type { Logger } from '../std/logger.js';
import type { EndpointDefinition } from './endpoints/definition.js';
import { RequestAudit } from './request-audit.js';
import type { RequestMeter } from './request-meter.js';
import { shownPath } from './shown-path.js';

export interface RequestLinesModules {
  readonly node: NodeView;
  readonly log: Logger;
  readonly meter: RequestMeter;
}

export class RequestLines {
  readonly #modules: RequestLinesModules;
  readonly #audit: RequestAudit;

  constructor(style: AuditStyle, modules: RequestLinesModules) {
    this.#modules = modules;
    this.#audit = new RequestAudit(style, { add: (fields) => modules.node.audit.add(fields) });
  }

  ended(request: FastifyRequest, status: number): void {
    const { log, meter } = this.#modules;
    const state = request.skein;
    const endpoint = state?.endpoint ?? null;
    const ms = state ? performance.now() - state.startedAt : null;
    meter.ended(endpoint, status, state?.isStream ? null : ms);
    const facts = {
      requestId: request.id,
      method: request.method,
      path: shownPath(request.url, endpoint !== null),
      status,
      token: state?.token?.id ?? null,
      role: state?.token?.role ?? null,
      durationMs: ms === null ? null : Math.round(ms * 100) / 100,
      outcome: status < 400 ? 'ok' : 'error',
    };
    const ended = { request: facts, address: request.ip, facts: state?.facts ?? {}, endpoint };
    try {
      this.#audit.ended({ ...ended, body: state?.body });
    } catch (error) {
      // The trail must show the request even when its body cannot be recorded.
      log.error(
        { requestId: request.id, reason: messageOf(error) },
        'the audit line of a request is not whole',
      );
      this.#audit.ended({ ...ended, body: undefined });
    }
    const line = Object.assign(facts, state?.facts);
    if (isRoutine(endpoint, status)) log.debug(line, 'request');
    else log.info(line, 'request');
  }
}

/**
 * Requests that get no log line, because people read the log. Refusals do get one; the answer "not ready" to a probe is no
 * refusal.
 */
function isRoutine(endpoint: EndpointDefinition | null, status: number): boolean {
  if (endpoint === null) return status < 400;
  return endpoint.polled === true && (status < 400 || endpoint.auth === null);
}
