/** The OpenAPI 3.1 document, made from the endpoint definitions. Pure. */
import type { TObject, TSchema } from '@sinclair/typebox';
import { ERRORS, ErrorBody, type ErrorCode } from '../api/errors.js';
import type { EndpointDefinition } from './endpoints/definition.js';
import { errorsOf } from './endpoints/errors-of.js';

type Json = Record<string, unknown>;

const CONTENT_TYPES = {
  json: 'application/json',
  'event-stream': 'text/event-stream',
  ndjson: 'application/x-ndjson',
  text: 'text/plain',
  binary: 'application/octet-stream',
} as const;

export function openApiDocument(
  endpoints: Readonly<Record<string, EndpointDefinition>>,
  version: string,
): { openapi: string; info: Json; paths: Record<string, Json>; components: Json; security: Json[] } {
  const schemas: Record<string, Json> = {};
  const paths: Record<string, Json> = {};
  for (const [name, definition] of Object.entries(endpoints)) {
    const path = definition.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = {
      ...paths[path],
      [definition.method.toLowerCase()]: operation(name, definition, schemas),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Skein',
      version,
      description: 'The HTTP API of every node of a Skein cluster.',
    },
    paths,
    components: {
      schemas,
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A token of the cluster.' } },
    },
    security: [{ token: [] }],
  };
}

function operation(name: string, definition: EndpointDefinition, schemas: Record<string, Json>): Json {
  const { auth, params, query, headers, body } = definition;
  const parameters = [
    ...parametersOf(params, 'path', schemas),
    ...parametersOf(query, 'query', schemas),
    ...parametersOf(headers, 'header', schemas),
  ];
  return {
    operationId: name,
    summary: definition.summary,
    ...(auth === null
      ? { security: [] }
      : { description: `Needs a token of role ${auth} or above.`, 'x-skein-role': auth }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: definition.bodyOptional !== true,
        content: { 'application/json': { schema: plain(body, schemas) } },
      },
    }),
    responses: responsesOf(definition, schemas),
  };
}

function parametersOf(object: TObject | undefined, place: string, schemas: Record<string, Json>): Json[] {
  if (!object) return [];
  return Object.entries(object.properties).map(([name, schema]) => {
    const { description, ...rest } = plain(schema, schemas);
    return {
      name,
      in: place,
      required: place === 'path' || (object.required ?? []).includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    };
  });
}

function responsesOf(definition: EndpointDefinition, schemas: Record<string, Json>): Json {
  const { statuses = [200], produces = 'json', response, line, failure = ErrorBody } = definition;
  const responses: Record<string, Json> = {};
  for (const status of statuses) {
    responses[status] = {
      description: status < 300 ? 'As asked.' : 'No; the body says why.',
      content: {
        [CONTENT_TYPES[produces]]: { schema: plain(response, schemas) },
        ...(line && { 'application/x-ndjson': { schema: plain(line, schemas) } }),
      },
    };
  }
  for (const [status, codes] of byStatus(errorsOf(definition))) {
    const description = codes.map((code) => `${code}: ${ERRORS[code].means}`).join(' ');
    const schema = plain(failure, schemas);
    const other = responses[status] as { content: { 'application/json': Json } } | undefined;
    responses[status] = {
      description,
      content: {
        'application/json': other
          ? { schema: { anyOf: [other.content['application/json'].schema, schema] } }
          : { schema },
      },
    };
  }
  return responses;
}

function byStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const found = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    for (const status of ERRORS[code].status) found.set(status, [...(found.get(status) ?? []), code]);
  }
  return new Map([...found].sort(([a], [b]) => a - b));
}

/**
 * A schema as plain JSON (TypeBox keeps its own marks in symbols, which JSON does not carry); one with a title moves into
 * `schemas` and is referred to.
 */
function plain(schema: TSchema, schemas: Record<string, Json>): Json {
  return hoisted(JSON.parse(JSON.stringify(schema)), schemas) as Json;
}

function hoisted(value: unknown, schemas: Record<string, Json>): unknown {
  if (Array.isArray(value)) return value.map((item) => hoisted(item, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, hoisted(inner, schemas)]),
  );
  const { title } = copy;
  if (typeof title !== 'string') return copy;
  schemas[title] = copy;
  return { $ref: `#/components/schemas/${title}` };
}
