// `npm run client-api`: writes client/src/api.ts, the types and the table of endpoints that the client package is made from, out of
// the server's endpoint definitions (launch.mjs builds them first). src/client-api.test.ts fails while the file is old.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..');

/**
 * @typedef {{
 *   title?: string, description?: string, type?: string, const?: unknown, anyOf?: JsonSchema[], items?: JsonSchema,
 *   properties?: Record<string, JsonSchema>, patternProperties?: Record<string, JsonSchema>, required?: string[],
 * }} JsonSchema
 * @typedef {Map<string, string>} Types Texts of the named types.
 */

/**
 * The text of a TypeScript module without imports.
 * @param {Readonly<Record<string, import('../src/http/endpoints/definition.js').EndpointDefinition>>} endpoints
 * @param {readonly string[]} errorCodes
 */
export function clientApiText(endpoints, errorCodes) {
  /** @type {Types} */
  const types = new Map();
  const members = Object.entries(endpoints).map(([name, definition]) => {
    const parts = /** @type {const} */ (['params', 'query', 'body', 'response', 'line']).flatMap((part) => {
      const schema = definition[part];
      return schema ? [`    ${part}: ${textOf(plain(schema), types, 2)};\n`] : [];
    });
    return `  /** ${definition.summary} */\n  ${name}: {\n${parts.join('')}  };\n`;
  });
  const table = Object.entries(endpoints).map(
    ([name, { method, path, produces = 'json', statuses = [200] }]) =>
      `  ${name}: { method: '${method}', path: '${path}', produces: '${produces}', statuses: [${statuses.join(', ')}] },\n`,
  );
  const codes = errorCodes.filter((code) => !code.includes('*'));
  return [
    "// Made from the server's endpoint definitions by `npm run client-api`. Not edited by hand.\n",
    ...[...types].map(([name, text]) => `export type ${name} = ${text};\n`),
    `/** Codes that a node answers with, besides the server's own (\`ER_...\`). */\nexport type NodeErrorCode =\n${codes.map((code) => `  | '${code}'`).join('\n')};\n`,
    `/** What each endpoint takes and gives. */\nexport interface Endpoints {\n${members.join('')}}\n`,
    `export const ENDPOINTS = {\n${table.join('')}} as const;\n`,
  ].join('\n');
}

/**
 * What JSON says of a schema.
 * @param {object} schema
 * @returns {JsonSchema}
 */
function plain(schema) {
  return JSON.parse(JSON.stringify(schema));
}

/**
 * A schema with a title becomes a type of that name in `types`. `depth`: levels of indentation around it.
 * @param {JsonSchema} schema
 * @param {Types} types
 * @param {number} depth
 */
function textOf(schema, types, depth) {
  const { title } = schema;
  if (title === undefined) return bareText(schema, types, depth);
  if (!types.has(title)) {
    types.set(title, '');
    types.set(title, bareText(schema, types, 0));
  }
  return title;
}

/**
 * @param {JsonSchema} schema
 * @param {Types} types
 * @param {number} depth
 * @returns {string}
 */
function bareText(schema, types, depth) {
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

/** @param {unknown} value */
function literalText(value) {
  return typeof value === 'string' ? `'${value.replaceAll("'", "\\'")}'` : JSON.stringify(value);
}

/**
 * @param {JsonSchema} schema
 * @param {Types} types
 * @param {number} depth
 */
function objectText(schema, types, depth) {
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

if (process.argv[1] === import.meta.filename) {
  /** @param {string} name */
  const built = (name) => import(pathToFileURL(join(root, 'dist', name)).href);
  const [{ ENDPOINTS }, { ERRORS }] = await Promise.all([
    built('http/endpoints/all.js'),
    built('api/errors.js'),
  ]);
  writeFileSync(join(root, 'client/src/api.ts'), clientApiText(ENDPOINTS, Object.keys(ERRORS)));
}
