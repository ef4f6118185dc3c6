import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { ENDPOINTS } from './endpoints/all.js';
import type { EndpointDefinition } from './endpoints/definition.js';
import { openApiDocument } from './openapi-document.js';

type Content = Record<string, { schema: object }>;

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: { content: Content };
  responses: Record<string, { description: string; content: Content }>;
  security?: object[];
}

const definitions: readonly (readonly [string, EndpointDefinition])[] = Object.entries(ENDPOINTS);
const document = JSON.parse(JSON.stringify(openApiDocument(ENDPOINTS, '1.2.3')));
const operations = Object.entries<Record<string, Operation>>(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

describe('the OpenAPI document', () => {
  it('has every endpoint once, under its name', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Skein', version: '1.2.3' } });
    expect(operations.map(({ operation }) => operation.operationId).sort()).toEqual(
      definitions.map(([name]) => name).sort(),
    );
  });

  it.each(operations)('$method $path: parameters, bodies and answers as OpenAPI has them', (entry) => {
    const { path, method, operation } = entry;
    expect(['get', 'post', 'delete']).toContain(method);
    expect(path).toMatch(/^\/[\w./{}-]+$/);
    const parameters = operation.parameters ?? [];
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(parameters.filter((p) => p.in === 'path').map((p) => p.name)).toEqual(inPath);
    expect(parameters.filter((p) => p.in === 'path').every((p) => p.required)).toBe(true);
    expect(new Set(parameters.map((p) => `${p.in} ${p.name}`)).size).toBe(parameters.length);
    for (const { in: place, schema } of parameters) {
      expect(['path', 'query', 'header']).toContain(place);
      expect(schema).toBeTypeOf('object');
    }
    if (operation.requestBody) {
      expect(method).toBe('post');
      expect(operation.requestBody.content['application/json']?.schema).toBeTypeOf('object');
    }
    const statuses = Object.keys(operation.responses);
    expect(statuses.some((status) => /^2\d\d$/.test(status))).toBe(true);
    for (const status of statuses) {
      const { description = '', content = {} } = operation.responses[status] ?? {};
      expect(status).toMatch(/^[2345]\d\d$/);
      expect(description).not.toBe('');
      for (const media of Object.values(content)) expect(media.schema).toBeTypeOf('object');
    }
    expect('401' in operation.responses).toBe(operation.security?.length !== 0);
  });

  it('has only schemas that are JSON Schema of the dialect of OpenAPI 3.1, and references that lead somewhere', () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
    ajv.addKeyword('components');
    // One schema that holds the whole document: every reference in it is then resolved, or compiling throws.
    ajv.addSchema({ $id: 'skein:', components: document.components });
    const schemas = Object.keys(document.components.schemas);
    expect(schemas).toEqual(
      expect.arrayContaining(['ClusterStatus', 'ErrorBody', 'SqlAnswer', 'SqlRequest']),
    );
    for (const name of schemas) {
      expect(ajv.getSchema(`skein:#/components/schemas/${name}`), name).toBeTypeOf('function');
    }
    for (const { operation } of operations) {
      for (const schema of inlineSchemas(operation)) {
        expect(() => ajv.compile(absolute(schema))).not.toThrow();
      }
    }
  });

  it('says by ajv what the server says by its own validator', () => {
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema({ $id: 'skein:', components: document.components });
    const request = ajv.getSchema('skein:#/components/schemas/SqlRequest');
    expect(request?.({ sql: 'SELECT 1', params: [1], read: { level: 'local' } })).toBe(true);
    expect(request?.({ sql: 'SELECT 1', nonsense: 1 })).toBe(false);
    expect(request?.({ sql: 1 })).toBe(false);
  });
});

function inlineSchemas(operation: Operation): object[] {
  const contents = [operation.requestBody, ...Object.values(operation.responses)].flatMap((holder) =>
    Object.values(holder?.content ?? {}),
  );
  return [...contents, ...(operation.parameters ?? [])].map(({ schema }) => schema);
}

function absolute(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"skein:#/components'));
}
