import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { clientApiText } from '../scripts/client-api.mjs';
import { ERRORS } from './api/errors.js';
import { ENDPOINTS } from './http/endpoints/all.js';
import { defineEndpoint } from './http/endpoints/definition.js';

describe('what the client is made from', () => {
  it('is as the definitions are now (`npm run client-api` writes it)', () => {
    const written = readFileSync(join(import.meta.dirname, '../client/src/api.ts'), 'utf8');
    expect(written).toBe(clientApiText(ENDPOINTS, Object.keys(ERRORS)));
  });

  it('writes schemas as types', () => {
    const thing = defineEndpoint({
      method: 'POST',
      path: '/thing/:id',
      summary: 'A thing.',
      auth: 'read',
      params: Type.Object({ id: Type.String() }),
      body: Type.Object({
        'a-b': Type.Optional(Type.Union([Type.Literal("it's"), Type.Null()], { description: 'Why.' })),
        all: Type.Array(Type.Union([Type.Integer(), Type.Boolean()])),
      }),
      response: Type.Object(
        { any: Type.Unknown(), map: Type.Record(Type.String(), Type.Number()) },
        { title: 'Thing' },
      ),
    });
    const text = clientApiText({ thing }, []);
    expect(text).toContain('export type Thing = {\n  any: unknown;\n  map: Record<string, number>;\n};\n');
    expect(text).toContain(
      "      /** Why. */\n      'a-b'?: 'it\\'s' | null;\n      all: (number | boolean)[];\n",
    );
    expect(text).toContain(
      "  thing: { method: 'POST', path: '/thing/:id', produces: 'json', statuses: [200] },\n",
    );
  });
});
