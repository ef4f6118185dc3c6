/** The types and the table of endpoints that the client package is made from (client/src/api.ts). Pure. */
import type { TSchema } from '@sinclair/typebox';
import { ERRORS } from '../api/errors.js';
import type { EndpointDefinition } from './endpoints/definition.js';

interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

/** The text of a TypeScript module without imports. */
export function clientApiText(endpoints: Readonly<Record<string, EndpointDefinition>>): string {
  const types = new Map<string, string>();
  const members = Object.entries(endpoints).map(([name, definition]) => {
    const { params, query, body, response, line } = definition;
    const parts = [
      ...(params ? [`params: ${typeText(params, types, 2)};`] : []),
      ...(query ? [`query: ${typeText(query, types, 2)};`] : []),
      ...(body ? [`body: ${typeText(body, types, 2)};`] : []),
      `response: ${typeText(response, types, 2)};`,
      ...(line ? [`line: ${typeText(line, types, 2)};`] : []),
    ];
    return `  /** ${definition.summary} */\n  ${name}: {\n${parts.map((part) => `    ${part}\n`).join('')}  };\n`;
  });
  const table = Object.entries(endpoints).map(
    ([name, { method, path, produces = 'json', statuses = [200] }]) =>
      `  ${name}: { method: '${method}', path: '${path}', produces: '${produces}', statuses: [${statuses.join(', ')}] },\n`,
  );
  const codes = Object.keys(ERRORS).filter((code) => !code.includes('*'));
  return [
    "// Made from the server's endpoint definitions by src/http/client-api.test.ts (CONTRIBUTING.md says how). Not edited by hand.\n",
    ...[...types].map(([name, text]) => `export type ${name} = ${text};\n`),
    `/** Codes that a node answers with, besides the server's own (\`ER_...\`). */\nexport type NodeErrorCode =\n${codes.map((code) => `  | '${code}'`).join('\n')};\n`,
    `/** What each endpoint takes and gives. */\nexport interface Endpoints {\n${members.join('')}}\n`,
    `export const ENDPOINTS = {\n${table.join('')}} as const;\n`,
  ].join('\n');
}

function typeText(schema: TSchema, types: Map<string, string>, depth: number): string {
  return textOf(JSON.parse(JSON.stringify(schema)) as JsonSchema, types, depth);
}

/** A schema with a title becomes a type of that name in `types`. `depth`: levels of indentation around it. */
function textOf(schema: JsonSchema, types: Map<string, string>, depth: number): string {
  const { title } = schema;
  if (title === undefined) return bareText(schema, types, depth);
  if (!types.has(title)) {
    types.set(title, '');
    types.set(title, bareText(schema, types, 0));
  }
  return title;
}

function bareText(schema: JsonSchema, types: Map<string, string>, depth: number): string {
  if (schema.anyOf) return schema.anyOf.map((choice) => textOf(choice, types, depth)).join(' | ');
  if (schema.const !== undefined) return literalText(schema.const);
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array': {
      const item = textOf(schema.items ?? {}, types, depth);
      return item.includes(' | ') ? `(${item})[]` : `${item}[]`;
    }
    case 'object':
      return objectText(schema, types, depth);
    default:
      return 'unknown';
  }
}

function literalText(value: unknown): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "\\'")}'` : JSON.stringify(value);
}

function objectText(schema: JsonSchema, types: Map<string, string>, depth: number): string {
  const [inner] = Object.values(schema.patternProperties ?? {});
  if (inner) return `Record<string, ${textOf(inner, types, depth)}>`;
  const indent = '  '.repeat(depth + 1);
  const lines = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const comment = property.description ? `${indent}/** ${property.description} */\n` : '';
    const mark = schema.required?.includes(name) ? '' : '?';
    const key = /^\w+$/.test(name) ? name : `'${name}'`;
    return `${comment}${indent}${key}${mark}: ${textOf(property, types, depth + 1)};\n`;
  });
  return lines.length === 0 ? 'Record<string, never>' : `{\n${lines.join('')}${'  '.repeat(depth)}}`;
}
