/** docs/limits.md says what the code does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ERRORS } from '../api/errors.js';
import { HTTP_CONSTANTS } from './http-limits.js';
import { HttpSettings } from './http-settings.js';
import { NodeConfigSchema } from './node-config.js';

const text = readFileSync(join(import.meta.dirname, '../../docs/limits.md'), 'utf8');
const settings: Readonly<Record<string, { readonly default?: unknown }>> = NodeConfigSchema.properties;

/** Rows of the tables whose first column has this title. */
function rowsOf(title: string): { name: string; value: string; error: string }[] {
  return text
    .split(/^\|(?= *[a-z]+ *\|)/m)
    .filter((table) => table.trimStart().startsWith(`${title} |`))
    .flatMap((table) => [...table.matchAll(/^\| `(\w+)` \| ([^|]*) \|[^|]*\| ([^|]*) \|$/gm)])
    .map(([, name = '', value = '', error = '']) => ({ name, value: value.trim(), error }));
}

/** `8 MiB`, `64 KiB`, `500` */
function numberOf(value: string): number {
  const [, digits, unit] = /^(\d+)(?: (KiB|MiB|GiB))?$/.exec(value) ?? [];
  const factor = unit === undefined ? 1 : 1024 ** (1 + ['KiB', 'MiB', 'GiB'].indexOf(unit));
  return Number(digits) * factor;
}

it('every setting that it names exists, with that default', () => {
  const rows = rowsOf('setting');
  for (const { name, value } of rows)
    expect([name, numberOf(value)]).toEqual([name, settings[name]?.default]);
  expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(HttpSettings)));
});

it('every constant of HTTP is named, with its value', () => {
  const rows = rowsOf('constant').map(({ name, value }) => [name, numberOf(value)]);
  expect(rows).toEqual(expect.arrayContaining(Object.entries(HTTP_CONSTANTS)));
});

it('every error that it names is one that HTTP answers with, with that status', () => {
  const named = [...text.matchAll(/\b(\d{3}) `([A-Z_]+)`/g)];
  expect(named.length).toBeGreaterThan(10);
  const known: Readonly<Record<string, { readonly status: readonly number[] }>> = ERRORS;
  for (const [, status, code = ''] of named) expect(known[code]?.status, code).toContain(Number(status));
});
