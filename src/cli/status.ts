import { messageOf } from '../model/error.js';
import type { ClusterStatus } from '../model/status.js';
import { sleep } from '../std/timing.js';
import type { Command, CommandContext, Terminal } from './command.js';
import { clientOf, type NodeClient } from './node-client.js';
import { statusText } from './status-text.js';

/** Fast enough to watch a restart of a node, slow enough to cost nothing. */
const WATCH_INTERVAL_MS = 1000;
/** Moves the cursor home and clears the screen below it: without flicker, and the scroll-back stays. */
const REDRAW = '\u001b[H\u001b[J';

export const statusCommand: Command = {
  usage: '[--json] [--watch] [--node <url>]',
  description: `Shows each node's role and state, how far it is behind, and the reason for any problem.

  STATE      joining, live, stopped (its server applies nothing after an error), stalled (all workers of its server
             wait), late (three heartbeats missed) or gone
  LAG        age of the oldest transaction that this node has not applied yet
  RECEIVED   transactions that reached the node        DURABLE    of these, safe on its disk
  COMMITTED  of these, safe on a majority of nodes     APPLIED    of these, executed by its server

Exits with 1 when the quorum is missing, or a node is not live, or is being filled from another one.`,
  options: {
    json: { type: 'boolean', help: 'the document of GET /v1/cluster; with --watch one line for each' },
    watch: { type: 'boolean', short: 'w', help: 'refresh each second, until Ctrl-C' },
    node: { type: 'string', value: '<url>', help: 'the node to ask (default: SKEIN_URL)' },
  },
  examples: [
    ['skein status', 'a local cluster'],
    ['skein status --node http://10.0.0.7:8083 --watch', 'another node, live'],
    ["skein status --json | jq '.members[] | {name, lagMs}'", 'for a script'],
  ],
  positionals: [0, 0],

  async run(context, values) {
    const client = clientOf(context, values.text('node'));
    if (values.flag('watch')) return watch(context, client, values.flag('json'));
    const { body } = await client.request<ClusterStatus>('GET', '/v1/cluster');
    if (values.flag('json')) context.terminal.json(`${JSON.stringify(body, null, 2)}\n`);
    else context.terminal.out(statusText(body, Date.now()));
    return isWell(body) ? 0 : 1;
  },
};

function isWell({ quorum, members }: ClusterStatus): boolean {
  return (
    quorum.attached >= quorum.needed && members.every(({ state, seeding }) => state === 'live' && !seeding)
  );
}

async function watch(
  { terminal, signal }: CommandContext,
  client: NodeClient,
  json: boolean,
): Promise<number> {
  while (!signal.aborted && !terminal.isGone()) {
    const text = await describe(client, json);
    if (signal.aborted) break;
    if (json) terminal.json(text);
    else show(text, terminal);
    await sleep(WATCH_INTERVAL_MS, signal).catch(() => {});
  }
  return 0;
}

/** A file or a pipe gets them one after the other. */
function show(text: string, terminal: Terminal): void {
  if (terminal.isTerminal) terminal.control(REDRAW);
  terminal.out(terminal.isTerminal ? `${text}\nPress Ctrl-C to end.\n` : `${text}\n`);
}

/** While watching, print it when a node does not answer, and go on. */
async function describe(client: NodeClient, json: boolean): Promise<string> {
  try {
    const { body } = await client.request<ClusterStatus>('GET', '/v1/cluster');
    return json ? `${JSON.stringify(body)}\n` : statusText(body, Date.now());
  } catch (error) {
    const message = messageOf(error);
    return json ? `${JSON.stringify({ error: { message } })}\n` : `${message}\n`;
  }
}
