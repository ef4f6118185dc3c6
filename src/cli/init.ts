import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { generateToken } from '../auth/token.js';
import { requireDescriptors } from '../config/descriptor-budget.js';
import { newClusterId, writeIdentity } from '../config/identity.js';
import type { NodeConfigInput } from '../config/node-config.js';
import { descriptorLimit } from '../std/descriptor-limit.js';
import { certificateHosts, issueCertificate, newAuthority, newKey, publicKeyOf } from '../tls/authority.js';
import { loadTls } from '../tls/load.js';
import type { Command } from './command.js';
import { initText } from './setup/next-steps.js';
import { NodeDirectory } from './setup/node-directory.js';
import { FILES, nodeFile } from './setup/node-file.js';
import { SETUP_OPTIONS, type SetupOptions, setupOptions } from './setup/options.js';
import { holdPorts } from './setup/ports.js';
import { prepareServer } from './setup/prepare-server.js';
import { startNode } from './setup/start-node.js';
import { UsageError } from './usage-error.js';

/** As long as the output of the HMACs (SHA-256) for which it is the key. */
const SECRET_BYTES = 32;
const LOOPBACK = '127.0.0.1';

interface InitOptions extends SetupOptions {
  readonly name: string;
  readonly listen: string;
  readonly host: string;
  readonly cluster: string;
  readonly acknowledge: 'majority' | 'all' | 'async';
  readonly makeTls: boolean;
  readonly ca: string | null;
}

export const initCommand: Command = {
  usage: '[options]',
  description: `Prepares the first machine of a new cluster: its directory, secret, certificates, first admin token. \`skein node\` then starts it,
and \`skein token join\` prints the line with which another machine joins. The command installs nothing. It starts nothing without --start.
Without --listen the node can be reached from this machine only.`,
  options: {
    name: { type: 'string', value: '<name>', help: 'of the node (default n1)' },
    cluster: { type: 'string', value: '<name>', help: 'of the cluster (default skein)' },
    acknowledge: {
      type: 'string',
      value: '<level>',
      help: 'when a write is answered: majority (default), all, or async',
    },
    tls: {
      type: 'boolean',
      help: 'TLS on all ports: the cluster makes an authority, and certificates for itself and those that join',
    },
    ca: { type: 'string', value: '<file>', help: 'with --certificate: the authority of the nodes (PEM)' },
    ...SETUP_OPTIONS,
  },
  examples: [
    ['skein init --listen 10.0.0.1 --tls', `in /var/lib/skein, for a cluster of several machines`],
    ['skein init --dir ./db --start', 'a cluster of one on this machine, started at once'],
  ],
  positionals: [0, 0],

  async run(context, values) {
    const setup = setupOptions(values, context.cwd);
    const listen = setup.listen ?? LOOPBACK;
    const ca = values.text('ca');
    const options: InitOptions = {
      ...setup,
      name: setup.name ?? 'n1',
      listen,
      host: setup.advertise ?? listen,
      cluster: clusterName(values.text('cluster') ?? 'skein'),
      acknowledge: values.oneOf('acknowledge', ['majority', 'all', 'async']) ?? 'majority',
      makeTls: values.flag('tls'),
      ca: ca === undefined ? null : resolve(context.cwd, ca),
    };
    refuseMixedTls(options);
    requireDescriptors(descriptorLimit());
    const say = (text: string) => context.terminal.err(`skein: ${text}\n`);
    const { configFile, adminToken } = await prepare(options, () =>
      prepareServer({ server: options.server, say, signal: context.signal }),
    );
    const usesTls = options.makeTls || options.certificate !== null;
    context.terminal.err(initText({ ...options, configFile, usesTls }));
    context.terminal.err(
      `\nadmin token, shown this once and kept in ${join(options.directory, FILES.adminToken)}: ${adminToken}\n`,
    );
    return options.start ? await startNode(context, configFile) : 0;
  },
};

function clusterName(name: string): string {
  if (name.length >= 1 && name.length <= 63) return name;
  throw new UsageError('--cluster must have 1 to 63 characters.');
}

function refuseMixedTls({ makeTls, certificate, ca }: InitOptions): void {
  if (makeTls && (certificate !== null || ca !== null)) {
    throw new UsageError(
      '--tls makes certificates; leave it out to use your own (--certificate, --key, --ca).',
    );
  }
  if ((certificate === null) !== (ca === null)) {
    throw new UsageError(
      'Give --certificate, --key and --ca together: a node accepts the others by the authority that signed their certificates.',
    );
  }
}

/** All or nothing. @throws SkeinError */
async function prepare(
  options: InitOptions,
  prepareServer: () => Promise<unknown>,
): Promise<{ configFile: string; adminToken: string }> {
  const directory = await NodeDirectory.prepare(options.directory);
  try {
    const held = await holdPorts(options.listen, options.ports);
    await held.release();
    await prepareServer();
    const adminToken = generateToken();
    await directory.write(FILES.secret, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`);
    await directory.write(FILES.adminToken, `${adminToken}\n`);
    const tls = await writeTls(options, directory);
    await writeIdentity(options.directory, { cluster: newClusterId(), founder: true });
    const configFile = await directory.finish(
      nodeFile({ ...options, tls, hasAdminToken: true, contact: null }),
    );
    return { configFile, adminToken };
  } catch (error) {
    await directory.undo();
    throw error;
  }
}

async function writeTls(options: InitOptions, directory: NodeDirectory): Promise<NodeConfigInput['tls']> {
  const { certificate: own, ca, makeTls, cluster, name, host } = options;
  if (own !== null) {
    loadTls({ ...own, ca });
    return { ...own, ca };
  }
  if (!makeTls) return null;
  const authority = newAuthority(`Skein ${cluster}`);
  const key = newKey();
  const hosts = certificateHosts([host]);
  await directory.write(FILES.ca, authority.certificate, 0o644);
  await directory.write(FILES.caKey, authority.key);
  await directory.write(FILES.key, key);
  await directory.write(
    FILES.certificate,
    issueCertificate(authority, { name, publicKey: publicKeyOf(key), hosts }),
    0o644,
  );
  return { certificate: FILES.certificate, key: FILES.key, ca: FILES.ca, caKey: FILES.caKey };
}
