import { resolve } from 'node:path';
import { requireDescriptors } from '../config/descriptor-budget.js';
import { mainScript } from '../config/installation.js';
import { descriptorLimit } from '../std/descriptor-limit.js';
import { takeLock } from '../std/lock-file.js';
import type { Command, CommandContext, ParsedValues } from './command.js';
import { LocalCluster } from './demo/cluster.js';
import {
  adminToken,
  ensureSecrets,
  existingNodes,
  hasRunBefore,
  prepareDirectory,
  presentServer,
  writeMysqlOptions,
} from './demo/directory.js';
import { addMembers, writeIdentities } from './demo/members.js';
import {
  clusterFiles,
  type DemoOptions,
  type PlannedNode,
  planDemo,
  planExtra,
  REPLICAS_MAX,
} from './demo/plan.js';
import { shrink } from './demo/shrink.js';
import { inUse, refuseTakenPorts } from './demo/start-checks.js';
import { SERVER_OPTION, serverOption } from './server-option.js';
import { prepareServer } from './setup/prepare-server.js';

const PORT = { least: 1, most: 65_535 };
/** One primary and 8 replicas: more voters than that only make each commit wait for more disks. */
const REPLICAS = { least: 0, most: REPLICAS_MAX };
const WATCHDOG_S = { least: 0, most: 3600 };
/** The longest work that a node does in one turn is a few hundred milliseconds. */
const HUNG_AFTER_S = 5;

export const demoCommand: Command = {
  usage: '[options]',
  description: `Starts one node for each name n1, n2 ... with its own MariaDB server; n1 is the primary. The server is found on this
machine, or fetched once from the distribution's packages without touching the host. Prints
"skein ready http://127.0.0.1:8083" when all nodes are ready, and starts a node again when it ends or hangs.
Ctrl-C (SIGINT) or SIGTERM stops everything in order. If the demo itself is killed, nodes and servers go on,
and the next start on the same directory takes them over.

Node n(i+1) answers HTTP on --http-port + i, links on --link-port + i, and the MySQL protocol on
--mysql-port + 10 i (reads and writes: leads to the primary wherever it is) and one port higher (reads of its
own server): mariadb --defaults-file=.skein/mysql.cnf -P 6446`,
  options: {
    dir: { type: 'string', value: '<directory>', help: 'where everything is kept (default .skein)' },
    'http-port': { type: 'string', value: '<port>', help: "the first node's HTTP port (default 8083)" },
    'link-port': { type: 'string', value: '<port>', help: "the first node's port for links (default 7083)" },
    'mysql-port': { type: 'string', value: '<port>', help: "the first node's MySQL port (default 6446)" },
    replicas: {
      type: 'string',
      value: '<number>',
      help: 'number of replicas (default: those in the directory, else 2); missing ones are added, others removed',
    },
    acknowledge: {
      type: 'string',
      value: '<level>',
      help: 'when a write is answered: majority (default), all, or async',
    },
    server: SERVER_OPTION,
    watchdog: {
      type: 'string',
      value: '<seconds>',
      help: 'kill and restart a node that hangs for this long (default 5; 0: never)',
    },
  },
  examples: [
    ['npm start', 'the usual way: installs and builds if need be, then runs this'],
    ['npm start -- --replicas 4 --dir /var/tmp/five', 'five nodes, somewhere else'],
    ['npm start -- --server mariadb-11.8 --dir .skein-11', 'MariaDB 11.8, fetched if need be'],
    ['SKEIN_SERVER=obtain npm start', "use Skein's own server even when the machine has one"],
  ],
  positionals: [0, 0],
  run(context, values) {
    const hungAfterMs = 1000 * (values.integer('watchdog', WATCHDOG_S) ?? HUNG_AFTER_S);
    return runDemo(context, demoOptions(values, context.cwd), hungAfterMs);
  },
};

function demoOptions(values: ParsedValues, cwd: string): DemoOptions {
  const directory = resolve(cwd, values.text('dir') ?? '.skein');
  return {
    directory,
    httpPort: values.integer('http-port', PORT) ?? 8083,
    mysqlPort: values.integer('mysql-port', PORT) ?? 6446,
    linkPort: values.integer('link-port', PORT) ?? 7083,
    replicas: values.integer('replicas', REPLICAS) ?? presentReplicas(directory) ?? 2,
    acknowledge: values.oneOf('acknowledge', ['majority', 'all', 'async']) ?? 'majority',
    server: serverOption(values, cwd) ?? presentServer(directory),
  };
}

function presentReplicas(directory: string): number | null {
  try {
    const nodes = existingNodes(directory).length;
    return nodes > 0 ? nodes - 1 : null;
  } catch {
    return null;
  }
}

async function runDemo(context: CommandContext, options: DemoOptions, hungAfterMs: number): Promise<number> {
  const say = (text: string) => context.terminal.err(`skein: ${text}\n`);
  // The nodes inherit the limit. Check it here once, before anything is created.
  requireDescriptors(descriptorLimit());
  const plan = planDemo(options);
  prepareDirectory(options.directory);
  const lock = takeLock(clusterFiles(options.directory).lock);
  if (lock.kind === 'taken') throw inUse(options.directory, lock.owner.pid);
  try {
    const extra = planExtra(options, existingNodes(options.directory));
    // Those that are to go still count: they run until they are removed.
    const all = [...plan, ...extra];
    await refuseTakenPorts(all);
    say(`${plan.length === 1 ? 'one node' : `${plan.length} nodes`} in ${options.directory}`);
    // Only for new nodes, so that not all of them wait for one download. Nodes that ran before find their server by themselves.
    const { server = null } = options;
    if (!all.every(hasRunBefore)) await prepareServer({ server, say, signal: context.signal });
    await writeIdentities(all);
    const isNewToken = await tellToken(options.directory, say);
    await writeMysqlOptions(options.directory, options.mysqlPort);
    const command = [process.execPath, ...process.execArgv, mainScript, 'node'];
    const cluster = await LocalCluster.start({ plan: all, command, hungAfterMs }, { say });
    const token = adminToken(options.directory);
    return await supervise(
      context,
      { cluster, plan, extra, token, isNewToken, directory: options.directory },
      say,
    );
  } catch (error) {
    if (!context.signal.aborted) throw error;
    say('stopped before anything was started');
    return 0;
  } finally {
    lock.release();
  }
}

/** Whether it was made now. */
async function tellToken(directory: string, say: (text: string) => void): Promise<boolean> {
  const token = await ensureSecrets(directory);
  const file = clusterFiles(directory).adminToken;
  say(
    token === null
      ? `the admin token is in ${file}`
      : `admin token, shown this once and kept in ${file}: ${token}`,
  );
  return token !== null;
}

/** Once a node was started, every exit stops all nodes. */
async function supervise(
  { terminal, signal, interrupted }: CommandContext,
  started: {
    cluster: LocalCluster;
    plan: readonly PlannedNode[];
    extra: readonly PlannedNode[];
    directory: string;
    token: string;
    isNewToken: boolean;
  },
  say: (text: string) => void,
): Promise<number> {
  const { cluster, plan, extra, directory, token, isNewToken } = started;
  const [first] = plan;
  const url = first?.url ?? '';
  const forced = new Promise<'forced'>((resolve) => {
    interrupted.on((count) => {
      if (count === 2)
        say('stopping in order, so that nothing has to be recovered; Ctrl-C again ends everything at once');
      else resolve('forced');
    });
  });
  let failure: unknown = null;
  try {
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const added = addMembers(plan, { token, changed: cluster.explain('cluster'), signal: both, extra });
    try {
      await Promise.all([cluster.untilReady(plan, signal), added]);
    } finally {
      failed.abort();
      await added.catch(() => {});
    }
    await shrink(extra, { cluster, plan, directory, token, signal, say });
    // The token once more, only when it is shown anyway. No browser sends what stands behind the #.
    const page = isNewToken ? `${url}/#token=${token}` : url;
    say(`open ${page} in a browser, or try: npx skein status    (Ctrl-C stops)`);
    terminal.out(`skein ready ${url}\n`);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } catch (error) {
    if (!signal.aborted) failure = error;
  }
  say('stopping ...');
  if ((await Promise.race([cluster.stop(), forced])) === 'forced') {
    say('ending everything at once; the servers will recover at the next start');
    await cluster.kill();
    return 1;
  }
  if (failure !== null) throw failure;
  say('all nodes and servers have stopped');
  return 0;
}
