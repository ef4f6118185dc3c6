import type { FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import type { NodeView } from '../api/node-view.js';
import { silentLogger } from '../std/logger.js';
import { ENDPOINTS } from './endpoints/all.js';
import { RequestLines } from './request-lines.js';
import { RequestMeter } from './request-meter.js';
import { RequestState } from './request-state.js';

function ended(body: unknown) {
  const audit: Record<string, unknown>[] = [];
  const errors: string[] = [];
  const logged: object[] = [];
  const meter = new RequestMeter([], {
    connections: () => [],
    bodiesBytes: () => 0,
    answersBytes: () => 0,
    held: () => ({ held: 0, total: 0 }),
  });
  const lines = new RequestLines(
    { statements: 'masked', parameters: true },
    {
      node: {
        audit: { add: (fields: Record<string, unknown>) => audit.push(fields) },
      } as unknown as NodeView,
      log: {
        ...silentLogger,
        info: (fields) => void logged.push(fields),
        error: (_fields, message) => void errors.push(message),
      },
      meter,
    },
  );
  const state = new RequestState();
  state.endpoint = ENDPOINTS.postSql;
  state.token = { id: 'tok_1', role: 'read' } as RequestState['token'];
  state.body = body;
  const request = { id: 'r1', method: 'POST', url: '/v1/sql', ip: '::1', skein: state };
  lines.ended(request as unknown as FastifyRequest, 400);
  return { audit, errors, logged };
}

it('a request leaves a line in the audit trail and one in the log', () => {
  const { audit, errors, logged } = ended({ sql: 'SELECT 1' });
  expect(audit).toMatchObject([{ kind: 'request', requestId: 'r1', status: 400, statements: [{}] }]);
  expect(logged).toHaveLength(1);
  expect(errors).toEqual([]);
});

it('whatever its body is: where that cannot be told, the log says so', () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const { audit, errors, logged } = ended({ sql: 'SELECT ?', params: [circle] });
  expect(audit).toMatchObject([{ kind: 'request', requestId: 'r1', token: 'tok_1', status: 400 }]);
  expect(logged).toHaveLength(1);
  expect(errors).toHaveLength(1);
});

it('statements in statements, however deep, are no statements', () => {
  let body: unknown = { sql: 'SELECT 1' };
  for (let i = 0; i < 20_000; i++) body = { statements: [body] };
  const { audit, errors } = ended(body);
  expect([audit.length, errors]).toEqual([1, []]);
});
