import { ERRORS, type ErrorCode } from '../../api/errors.js';
import type { EndpointDefinition } from './definition.js';

/** All codes of an endpoint: those that its definition names, and those that follow from the rest of it. */
export function errorsOf(definition: EndpointDefinition): ErrorCode[] {
  const { auth, params, body, errors = [] } = definition;
  const all = new Set<ErrorCode>([
    'INVALID_REQUEST',
    'INVALID_FIELD',
    'UNKNOWN_FIELD',
    'INTERNAL',
    'NODE_BUSY',
    ...errors,
  ]);
  const add = (...codes: ErrorCode[]) => {
    for (const code of codes) all.add(code);
  };
  if (params) add('NOT_FOUND');
  if (body) {
    add('INVALID_JSON', 'JSON_TOO_COMPLEX', 'INEXACT_NUMBER', 'BODY_TOO_LARGE', 'UNSUPPORTED_ENCODING');
  }
  if (auth !== null) add('UNAUTHORIZED', 'TOO_MANY_FAILURES', 'RATE_LIMITED', 'NOT_OPEN');
  if (auth !== null && auth !== 'read') add('FORBIDDEN');
  return (Object.keys(ERRORS) as ErrorCode[]).filter((code) => all.has(code));
}
