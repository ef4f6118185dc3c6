import { join } from 'node:path';
import { generateToken } from '../auth/token.js';
import { requireDescriptors } from '../config/descriptor-budget.js';
import { parseJoinToken } from '../joining/join-token.js';
import { descriptorLimit } from '../std/descriptor-limit.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { joinCluster } from './setup/join-cluster.js';
import { joinText } from './setup/next-steps.js';
import { FILES } from './setup/node-file.js';
import { SETUP_OPTIONS, type SetupOptions, setupOptions } from './setup/options.js';
import { addressTowards, memberUrl } from './setup/own-address.js';
import { prepareServer } from './setup/prepare-server.js';
import { startNode } from './setup/start-node.js';
import { UsageError } from './usage-error.js';

export const joinCommand: Command = {
  usage: '<address> --token <token> [options]',
  description: `Makes this machine a member of a cluster, and prepares its directory; \`skein node\` then starts it. <address> is the HTTP
address of any member. The token comes from \`skein token join\` there; it works once, within an hour, and is not sent over the network.
By default the node listens on the address by which this machine reaches the member, and gets the next free name.
If the machine cannot join (name, version, database server, disk, network), the command says why, and changes nothing on either side.`,
  options: {
    token: { type: 'string', value: '<token>', help: 'the join token; - reads it from standard input' },
    name: {
      type: 'string',
      value: '<name>',
      help: 'of the node (default: n2, n3 ..., the first that is free)',
    },
    witness: {
      type: 'boolean',
      help: 'as a witness: it keeps the log and votes, and has no database server (docs/elections.md)',
    },
    ...SETUP_OPTIONS,
  },
  examples: [
    [
      'skein join http://10.0.0.1:8083 --token skein_join_...',
      'what `skein token join` prints, on another machine',
    ],
    [
      'skein join db1 --token skein_join_... --witness',
      'a small third machine, so that two machines with data survive the loss of one',
    ],
    [
      'skein join db1 --token - --dir /srv/skein --name db2',
      'the token from standard input, another place and name',
    ],
  ],
  positionals: [1, 1],

  async run(context, values) {
    const witness = values.flag('witness');
    const options = joinOptions(values, { cwd: context.cwd, witness });
    const member = memberUrl(values.positionals[0] ?? '');
    const token = parseJoinToken(await joinTokenText(context, values));
    if (token === null) {
      throw new UsageError('--token is not a complete join token ("skein_join_" and 65 characters).');
    }
    requireDescriptors(descriptorLimit());
    const say = (text: string) => context.terminal.err(`skein: ${text}\n`);
    const host = options.advertise ?? options.listen ?? (await addressTowards(member, context.signal));
    const listen = options.listen ?? host;
    const adminToken = witness ? generateToken() : null;
    const server = witness
      ? null
      : await prepareServer({ server: options.server, say, signal: context.signal });
    const joined = await joinCluster(
      { ...options, member, token, listen, advertise: host, adminToken },
      { server, signal: context.signal },
    );
    context.terminal.err(joinText({ ...joined, directory: options.directory, host, witness }));
    if (adminToken !== null) context.terminal.err(tokenText(options.directory, adminToken));
    return options.start ? await startNode(context, joined.configFile) : 0;
  },
};

/** A witness has no MySQL ports. @throws UsageError */
function joinOptions(
  values: ParsedValues,
  { cwd, witness }: { cwd: string; witness: boolean },
): SetupOptions {
  const options = setupOptions(values, cwd);
  if (!witness) return options;
  if (values.text('mysql-port') !== undefined)
    throw new UsageError('A witness has no MySQL ports: leave --mysql-port out.');
  if (options.server !== null) throw new UsageError('A witness has no database server: leave --server out.');
  return { ...options, ports: { ...options.ports, mysql: null } };
}

function tokenText(directory: string, token: string): string {
  return `\nadmin token of this witness alone, shown this once and kept in ${join(directory, FILES.adminToken)}: ${token}\n`;
}

async function joinTokenText({ terminal }: CommandContext, values: ParsedValues): Promise<string> {
  const text = values.text('token');
  if (text === undefined) {
    throw new UsageError('--token is missing. Make one on a member of the cluster: skein token join');
  }
  return text === '-' ? await terminal.stdin() : text;
}
