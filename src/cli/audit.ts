import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { auditFiles, auditKey } from '../audit/sealed-line.js';
import { type AuditVerdict, verifyTrail } from '../audit/verify.js';
import { loadNodeConfig } from '../config/node-config.js';
import { messageOf, SkeinError } from '../model/error.js';
import { nearest } from '../std/nearest.js';
import { terminalLine } from '../std/terminal-text.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { clientOf } from './node-client.js';
import { UsageError } from './usage-error.js';

const ACTIONS = ['tail', 'search', 'verify'] as const;
const SHOWN = 20;
const FOUND = 1000;
/** Faults that are printed of one trail; --json has them all. */
const FAULTS_SHOWN = 20;

export const auditCommand: Command = {
  usage: 'tail|search [options] | verify [<directory>]',
  description: `The audit trail of a node: every request that needs a token, and every event of the node, one JSON object in each
line. Each line has a code over itself and the line before.

  tail     the newest lines of a node
  search   lines of a node that match all options given
  verify   whether lines were changed, removed or moved, on this machine: the directory of a node, or of a local
           cluster (default: .skein); exit code 1 if any were`,
  options: {
    follow: { type: 'boolean', short: 'f', help: 'tail: print new lines as they come, until Ctrl-C' },
    count: { type: 'string', value: '<number>', help: `lines at most (tail ${SHOWN}, search ${FOUND})` },
    since: {
      type: 'string',
      value: '<time>',
      help: 'from this ISO time (UTC) on, or its beginning: 2026-01-31T12',
    },
    until: { type: 'string', value: '<time>', help: 'before this ISO time' },
    token: { type: 'string', value: '<id>', help: 'of this token' },
    request: { type: 'string', value: '<id>', help: 'of this request' },
    outcome: { type: 'string', value: '<code>', help: 'ok, or an error’s code such as FORBIDDEN' },
    kind: { type: 'string', value: '<kind>', help: 'request, event, node' },
    text: { type: 'string', value: '<text>', help: 'anywhere in the line' },
    'secret-file': {
      type: 'string',
      value: '<file>',
      help: 'verify: the cluster’s secret (default: what the node’s node.json names)',
    },
    node: { type: 'string', value: '<url>', help: 'the node to ask (default: SKEIN_URL)' },
    json: { type: 'boolean', help: 'print the JSON lines unchanged' },
  },
  examples: [
    ['skein audit tail --follow', 'requests as they come'],
    ['skein audit search --token tok_VoiTEAowrV1d --since 2026-01-31', 'what a token did since then'],
    ['skein audit verify', 'the trails of the local cluster'],
  ],
  positionals: [1, 2],

  async run(context, values) {
    const [action = '', place] = values.positionals;
    if (place !== undefined && action !== 'verify')
      throw new UsageError(`"${place}" is one argument too many.`);
    if (action === 'verify') return verify(context, values, place ?? '.skein');
    if (action === 'tail' || action === 'search') return show(context, values, action);
    const guess = nearest(action, ACTIONS);
    throw new UsageError(
      `audit ${action}: expected one of ${ACTIONS.join(', ')}.${guess ? ` Did you mean ${guess}?` : ''}`,
    );
  },
};

const FILTERS: Readonly<Record<string, string>> = {
  since: 'since',
  until: 'until',
  token: 'token',
  request: 'requestId',
  outcome: 'outcome',
  kind: 'kind',
  text: 'text',
};

async function show(
  context: CommandContext,
  values: ParsedValues,
  action: 'tail' | 'search',
): Promise<number> {
  const count = values.integer('count', { least: 1, most: 10_000 }) ?? (action === 'tail' ? SHOWN : FOUND);
  const query = new URLSearchParams({ tail: String(count) });
  for (const [option, name] of Object.entries(FILTERS)) {
    const value = values.text(option);
    if (value !== undefined) query.set(name, value);
  }
  const follow = values.flag('follow');
  if (follow) query.set('follow', 'true');
  const client = clientOf(context, values.text('node'));
  for await (const line of client.lines(`/v1/audit?${query}`, { follow })) {
    if (values.flag('json')) context.terminal.json(`${line}\n`);
    else context.terminal.out(`${terminalLine(readable(line))}\n`);
  }
  return 0;
}

/** Time, token, request and outcome; the rest is for --json. */
function readable(text: string): string {
  const line = JSON.parse(text) as Record<string, unknown>;
  // A line about the answer itself: token.revoked, lines.cut.
  if (line.time === undefined) return `${line.event}: ${line.reason}`;
  const time = String(line.time).slice(0, 23).replace('T', ' ');
  if (line.kind === 'request') {
    const statements = (line.statements as { sql?: string }[] | undefined) ?? [];
    const sql = statements.map((statement) => statement.sql ?? '').join('; ');
    const who = line.token === null ? `no token, ${line.address}` : line.token;
    return `${time}  ${who}  ${line.status} ${line.outcome}  ${line.durationMs} ms  ${line.method} ${line.path}${sql === '' ? '' : `  ${sql}`}`;
  }
  const { seq: _seq, time: _time, node, kind, mac: _mac, ...rest } = line;
  if (kind === 'event') return `${time}  ${node}  ${rest.event} ${rest.subject}: ${rest.reason}`;
  return `${time}  ${node}  ${kind} ${JSON.stringify(rest)}`;
}

async function verify(context: CommandContext, values: ParsedValues, place: string): Promise<number> {
  const given = resolve(context.cwd, place);
  const results: (AuditVerdict & { directory: string })[] = [];
  for (const directory of trailsAt(given)) {
    const secret = readSecret(values.text('secret-file') ?? secretFileOf(directory));
    results.push({ directory, ...(await verifyTrail(directory, auditKey(secret))) });
  }
  if (values.flag('json')) context.terminal.json(`${JSON.stringify({ trails: results }, null, 2)}\n`);
  else for (const result of results) context.terminal.out(verdictText(result));
  return results.every(({ ok }) => ok) ? 0 : 1;
}

function verdictText({
  directory,
  ok,
  lines,
  files,
  from,
  to,
  faults,
  notes,
}: AuditVerdict & { directory: string }): string {
  const place = ({ file, line }: { file: string; line: number }) => (line === 0 ? file : `${file}:${line}`);
  const shown = faults.slice(0, FAULTS_SHOWN);
  return [
    ok
      ? `${directory}: in order, ${lines} lines (number ${from} to ${to}) in ${files} file${files === 1 ? '' : 's'}`
      : `${directory}: NOT in order, ${faults.length} fault${faults.length === 1 ? '' : 's'} in ${lines} lines`,
    ...shown.map((fault) => `  ${terminalLine(`${place(fault)}: ${fault.message}`)}`),
    ...(faults.length > shown.length ? [`  ... and ${faults.length - shown.length} more (--json)`] : []),
    ...notes.map((note) => `  note: ${terminalLine(`${place(note)}: ${note.message}`)}`),
    '',
  ].join('\n');
}

/** Directories with a trail: the one that was given, that of a node, or those of a cluster's nodes. */
function trailsAt(given: string): string[] {
  const hasTrail = (directory: string) =>
    existsSync(directory) && auditFiles(readdirSync(directory)).length > 0;
  const isTrail = (directory: string) => hasTrail(directory) || existsSync(join(directory, 'audit.head'));
  if (isTrail(given)) return [given];
  if (isTrail(join(given, 'audit'))) return [join(given, 'audit')];
  const nodes = existsSync(given) ? readdirSync(given, { withFileTypes: true }) : [];
  const trails = nodes
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(given, name, 'audit'))
    .filter(isTrail);
  if (trails.length === 0) throw new SkeinError('AUDIT_UNREADABLE', `There is no audit trail at ${given}.`);
  return trails;
}

function secretFileOf(directory: string): string {
  const config = join(dirname(directory), 'node.json');
  if (basename(directory) === 'audit' && existsSync(config)) return loadNodeConfig(config).secretFile;
  throw new UsageError(`--secret-file is missing: there is no node.json beside ${directory} that names it.`);
}

function readSecret(file: string): Buffer {
  try {
    return Buffer.from(readFileSync(file, 'utf8').trim());
  } catch (error) {
    throw new SkeinError('SECRET_UNREADABLE', `The cluster's secret cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
