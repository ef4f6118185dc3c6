/** For load balancers: 200 or 503, no token. */
import { Type } from '@sinclair/typebox';
import { defineEndpoint } from './definition.js';

/** Which node answers: behind a wrong port or a proxy it may not be the expected one. */
const Identity = { node: Type.String(), cluster: Type.String() };

const State = Type.Object(
  {
    ...Identity,
    role: Type.String(),
    state: Type.String(),
    lagMs: Type.Union([Type.Number(), Type.Null()]),
    reason: Type.Union([Type.String(), Type.Null()]),
  },
  { title: 'Readiness' },
);

/** The body of a 503 has the reason too. */
const STATUSES = [200, 503] as const;

export const getHealth = defineEndpoint({
  method: 'GET',
  path: '/health',
  summary: 'The node process runs.',
  auth: null,
  polled: true,
  response: Type.Object({ status: Type.Literal('ok'), ...Identity }, { title: 'Health' }),
});

export const getReady = defineEndpoint({
  method: 'GET',
  path: '/ready',
  summary:
    'The server is up; a primary has its quorum attached, a replica is live and its lag under the limit.',
  auth: null,
  polled: true,
  response: State,
  statuses: STATUSES,
});

export const getPrimary = defineEndpoint({
  method: 'GET',
  path: '/primary',
  summary: '200 on the open primary, 503 elsewhere.',
  auth: null,
  polled: true,
  response: State,
  statuses: STATUSES,
});

export const getReplica = defineEndpoint({
  method: 'GET',
  path: '/replica',
  summary: '200 on a replica that is ready (and not further behind than maxLagMs), 503 elsewhere.',
  auth: null,
  polled: true,
  query: Type.Object(
    { maxLagMs: Type.Optional(Type.Integer({ minimum: 0 })) },
    { additionalProperties: false },
  ),
  response: State,
  statuses: STATUSES,
});
