import { Type } from '@sinclair/typebox';
import { defineEndpoint } from './definition.js';

export const getOpenApi = defineEndpoint({
  method: 'GET',
  path: '/v1/openapi.json',
  summary: 'This API as an OpenAPI 3.1 document.',
  auth: 'read',
  response: Type.Object(
    {
      openapi: Type.String(),
      info: Type.Object({ title: Type.String(), version: Type.String(), description: Type.String() }),
      paths: Type.Record(Type.String(), Type.Unknown()),
      components: Type.Record(Type.String(), Type.Unknown()),
      security: Type.Array(Type.Record(Type.String(), Type.Array(Type.String()))),
    },
    { title: 'OpenApiDocument' },
  ),
});
