import { Type } from '@sinclair/typebox';
import { defineEndpoint } from './definition.js';

export const getMetrics = defineEndpoint({
  method: 'GET',
  path: '/metrics',
  summary: 'Numbers for a monitoring system, in the text form of Prometheus.',
  auth: 'read',
  polled: true,
  produces: 'text',
  response: Type.String(),
});
