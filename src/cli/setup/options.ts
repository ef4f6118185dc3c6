/** Options that `skein init` and `skein join` share: where the node is to be, and how it is reached. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { OptionSpec, ParsedValues } from '../command.js';
import { SERVER_OPTION, serverOption } from '../server-option.js';
import { UsageError } from '../usage-error.js';

export const DEFAULT_DIRECTORY = '/var/lib/skein';
const PORT = { least: 1, most: 65_534 };
const WILDCARDS = ['0.0.0.0', '::'];

export interface NodePorts {
  readonly http: number;
  readonly link: number;
  /** Null: a witness has no MySQL ports. */
  readonly mysql: { readonly readWrite: number; readonly readOnly: number } | null;
}

/** Certificate and key that were made elsewhere; absolute paths. */
export interface OwnCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface SetupOptions {
  /** Absolute. */
  readonly directory: string;
  readonly name: string | null;
  /** Null: not given. */
  readonly listen: string | null;
  readonly advertise: string | null;
  readonly ports: NodePorts;
  readonly certificate: OwnCertificate | null;
  /** As node.json has it; null: not given. */
  readonly server: string | null;
  readonly start: boolean;
}

export const SETUP_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  dir: {
    type: 'string',
    value: '<directory>',
    help: `where everything of the node is kept (default ${DEFAULT_DIRECTORY})`,
  },
  listen: { type: 'string', value: '<address>', help: 'the address of this machine on which it listens' },
  advertise: {
    type: 'string',
    value: '<host>',
    help: 'name or address by which others reach it (default: the one of --listen)',
  },
  'http-port': { type: 'string', value: '<port>', help: 'HTTP (default 8083)' },
  'link-port': { type: 'string', value: '<port>', help: 'links of the other nodes (default 7083)' },
  'mysql-port': {
    type: 'string',
    value: '<port>',
    help: 'MySQL clients: reads and writes; reads only on the next port (default 6446)',
  },
  certificate: {
    type: 'string',
    value: '<file>',
    help: 'TLS with a certificate that was made elsewhere (PEM)',
  },
  key: { type: 'string', value: '<file>', help: 'the key of --certificate (PEM)' },
  server: SERVER_OPTION,
  start: { type: 'boolean', help: 'start the node at once, in the foreground' },
};

/** @throws UsageError */
export function setupOptions(values: ParsedValues, cwd: string): SetupOptions {
  const listen = hostOption(values, 'listen');
  const advertise = hostOption(values, 'advertise');
  if (listen !== null && isIP(listen) === 0) {
    throw new UsageError(`--listen is "${listen}"; expected an address of this machine, such as 10.0.0.1.`);
  }
  if (advertise !== null && WILDCARDS.includes(advertise)) {
    throw new UsageError(`--advertise is "${advertise}", which no other machine can connect to.`);
  }
  if (listen !== null && WILDCARDS.includes(listen) && advertise === null) {
    throw new UsageError(
      `--listen ${listen} means all addresses of this machine; name the one by which others reach it: --advertise <host>`,
    );
  }
  return {
    directory: resolve(cwd, values.text('dir') ?? DEFAULT_DIRECTORY),
    name: nameOption(values),
    listen,
    advertise,
    ports: portOptions(values),
    certificate: certificateOption(values, cwd),
    server: serverOption(values, cwd),
    start: values.flag('start'),
  };
}

function hostOption(values: ParsedValues, option: string): string | null {
  const host = values.text(option);
  if (host === undefined) return null;
  if (/^[A-Za-z0-9._:-]{1,253}$/.test(host)) return host;
  throw new UsageError(`--${option} is "${host}"; expected a host name or an address.`);
}

function nameOption(values: ParsedValues): string | null {
  const name = values.text('name');
  if (name === undefined || /^[a-z0-9][a-z0-9_-]{0,62}$/.test(name)) return name ?? null;
  throw new UsageError(`--name is "${name}"; expected lower-case letters, digits, - and _ (at most 63).`);
}

function portOptions(values: ParsedValues): NodePorts {
  const http = values.integer('http-port', PORT) ?? 8083;
  const link = values.integer('link-port', PORT) ?? 7083;
  const readWrite = values.integer('mysql-port', PORT) ?? 6446;
  const all = [http, link, readWrite, readWrite + 1];
  if (new Set(all).size < all.length) {
    throw new UsageError(`Two of the ports are the same: ${all.join(', ')}.`);
  }
  return { http, link, mysql: { readWrite, readOnly: readWrite + 1 } };
}

function certificateOption(values: ParsedValues, cwd: string): OwnCertificate | null {
  const [certificate, key] = [values.text('certificate'), values.text('key')];
  if (certificate === undefined && key === undefined) return null;
  if (certificate === undefined || key === undefined) {
    throw new UsageError('Give --certificate and --key together.');
  }
  return { certificate: resolve(cwd, certificate), key: resolve(cwd, key) };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
