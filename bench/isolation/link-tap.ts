/**
 * A process of its own between a replica and the primary's link port. It passes on what comes and notes when heartbeats do:
 * one of the primary when it has arrived here, which is the replica's end of the link; one of the replica when the primary has
 * taken it out of its socket.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { sleep } from '../../src/std/timing.js';
import { HeartbeatFinder } from './heartbeat-finder.js';
import { answerBench } from './helper.js';
import { latenessOf } from './lateness.js';
import { receiveQueueOf } from './receive-queue.js';
import { becomeUrgent } from './urgent.js';

/** Asking the kernel takes some milliseconds of a core, so a long wait is measured to a tenth of its length. */
const LOOK_AGAIN_MS = 5;
const LOOK_AGAIN_SHARE = 0.1;
const RESOLUTION_MS = 10;

export interface TapFigures {
  /** How late heartbeats of the primary arrived, milliseconds. */
  readonly toReplicaMs: readonly number[];
  /** How long heartbeats of the replica lay in the primary's socket before it took them, milliseconds. */
  readonly toPrimaryMs: readonly number[];
  /** The longest that this process itself could not look, milliseconds. */
  readonly ownDelayMs: number;
  /** Whether it goes before other processes. */
  readonly isUrgent: boolean;
}

export interface TapOptions {
  readonly primaryLinkPort: number;
  /** Of heartbeats. */
  readonly intervalMs: number;
}

const isUrgent = becomeUrgent();
const ownDelay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
ownDelay.enable();

let options: TapOptions = { primaryLinkPort: 0, intervalMs: 0 };
/** The replica dials again when its link breaks. */
let links = 0;
let linksAtBegin = 0;
let failure: Error | null = null;
let fromMs = 0;
let arrivedMs: number[] = [];
let taken: number[] = [];
/** Heartbeats of the replica that the primary has not taken yet. */
const lying: { end: number; sinceMs: number }[] = [];

const server = createServer({ noDelay: true }, (replica) => {
  const primary = connect({ host: '127.0.0.1', port: options.primaryLinkPort, noDelay: true });
  links++;
  lying.length = 0;
  const down = new HeartbeatFinder();
  const up = new HeartbeatFinder();
  let looking = false;
  primary.pipe(replica);
  replica.pipe(primary);
  primary.on('data', (chunk) => {
    for (const _ of down.push(chunk)) arrivedMs.push(performance.now());
  });
  replica.on('data', (chunk) => {
    const sinceMs = performance.now();
    const ends = up.push(chunk);
    lying.push(...ends.map((end) => ({ end, sinceMs })));
    if (looking || lying.length === 0) return;
    looking = true;
    watch(primary, up)
      .catch((error: Error) => {
        failure ??= error;
      })
      .finally(() => {
        looking = false;
      });
  });
  const cut = () => {
    replica.destroy();
    primary.destroy();
  };
  for (const socket of [replica, primary]) socket.on('error', cut).on('close', cut);
});

/** Looks into the primary's socket until nothing of the replica's heartbeats is left there. */
async function watch(primary: Socket, up: HeartbeatFinder): Promise<void> {
  while (lying.length > 0) {
    const lookMs = performance.now();
    const sent = up.passed;
    const queued = await receiveQueueOf(options.primaryLinkPort, primary.localPort ?? 0);
    if (queued === null) lying.length = 0;
    while (lying[0] && lying[0].end <= sent - (queued ?? 0)) {
      taken.push(lookMs - lying[0].sinceMs);
      lying.shift();
    }
    const [first] = lying;
    if (first) await sleep(Math.max(LOOK_AGAIN_MS, (performance.now() - first.sinceMs) * LOOK_AGAIN_SHARE));
  }
}

answerBench({
  listen: async (given: TapOptions) => {
    options = given;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  begin: () => {
    linksAtBegin = links;
    fromMs = performance.now();
    arrivedMs = [];
    taken = [];
    ownDelay.reset();
  },
  end: (): TapFigures => {
    if (failure !== null) throw failure;
    if (links !== linksAtBegin) throw new Error('the replica has dialled again while its link was measured');
    const toMs = performance.now();
    return {
      toReplicaMs: latenessOf(arrivedMs, { fromMs, toMs }, options.intervalMs),
      toPrimaryMs: [...taken, ...lying.map(({ sinceMs }) => toMs - Math.max(sinceMs, fromMs))],
      ownDelayMs: Math.max(0, ownDelay.max / 1e6 - RESOLUTION_MS),
      isUrgent,
    };
  },
});
