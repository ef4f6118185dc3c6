/** Checks what a client sent against an endpoint's schema, with errors that name the field. Pure. */
import type { TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler, type ValueError, ValueErrorType } from '@sinclair/typebox/compiler';
import { ApiError } from '../api/api-error.js';
import type { EndpointDefinition } from './endpoints/definition.js';

/** @throws ApiError 400 UNKNOWN_FIELD | INVALID_FIELD */
export type Validate = (value: unknown) => void;

export function compileValidator(schema: TSchema): Validate {
  const check = TypeCompiler.Compile(schema);
  return (value) => {
    if (check.Check(value)) return;
    throw explain(check, value);
  };
}

export function bodyValidator(definition: EndpointDefinition): Validate | null {
  return definition.body ? compileValidator(definition.body) : null;
}

function explain(check: TypeCheck<TSchema>, value: unknown): ApiError {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new ApiError(400, 'INVALID_FIELD', 'A JSON object is expected.');
  }
  // An unknown field explains more than a wrong type elsewhere.
  const errors = [...take(check.Errors(value), 50)].flatMap(inMatchingChoice);
  const unknown = errors.find((error) => error.type === ValueErrorType.ObjectAdditionalProperties);
  if (unknown) {
    return new ApiError(400, 'UNKNOWN_FIELD', `The field "${dotted(unknown.path)}" is not known.`);
  }
  const first = errors[0];
  if (!first) return new ApiError(400, 'INVALID_FIELD', 'The request is not valid.');
  const field = dotted(first.path);
  return new ApiError(400, 'INVALID_FIELD', `The field "${field}" is not valid: ${expected(first)}.`);
}

/** The errors inside the only choice that the value can mean: the object, where an object was given. */
function inMatchingChoice(error: ValueError): ValueError[] {
  for (const choice of error.errors) {
    const inner = [...take(choice, 50)];
    if (inner[0] !== undefined && inner[0].path !== error.path) return inner;
  }
  return [error];
}

/** `/statements/0/sql` -> `statements.0.sql` */
function dotted(path: string): string {
  const text = path.slice(1).split('/').map(unescapePointer).join('.');
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

function expected(error: ValueError): string {
  const choices = (error.schema as { anyOf?: { const?: unknown }[] }).anyOf
    ?.map((choice) => choice.const)
    .filter((choice) => choice !== undefined);
  if (choices && choices.length > 0) return `one of ${choices.join(', ')} is expected`;
  if (error.type === ValueErrorType.Union) {
    const types = (error.schema as { anyOf?: { type?: string }[] }).anyOf?.map(({ type }) => type);
    return `expected ${types?.join(' or ')}`;
  }
  return error.message.charAt(0).toLowerCase() + error.message.slice(1);
}

function* take<T>(values: Iterable<T>, count: number): Generator<T> {
  let taken = 0;
  for (const value of values) {
    if (taken >= count) return;
    taken += 1;
    yield value;
  }
}
