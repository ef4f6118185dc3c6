import { resolve } from 'node:path';
import { Type } from '@sinclair/typebox';
import { SERVER_CHOICES, SERVER_NAMES } from '../model/server-choice.js';

const NAMES = SERVER_NAMES.map((name) => name.replaceAll('.', '\\.'));

export const ServerSetting = Type.Union([Type.String({ pattern: `^(${NAMES.join('|')})$|/` }), Type.Null()], {
  default: null,
  description:
    'The database server: the name of a series, "obtain", or the path of a program; null = what SKEIN_SERVER says.',
  expected: `${SERVER_CHOICES}, or null`,
});

/** A path is taken from the directory of the file, as all paths in it; names stay as they are. */
export function resolvedServer(setting: unknown, base: string): unknown {
  return typeof setting === 'string' && setting.includes('/') ? resolve(base, setting) : setting;
}
