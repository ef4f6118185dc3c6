import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { handshakeStep, linkIdentity, listenerStart } from '../../src/link/handshake.js';
import type { LinkListenerModules, LinkListenerOptions } from '../../src/link/listener.js';
import {
  VoterLinks,
  type VoterLinksModules,
  type VoterLinksOptions,
  type VoterPlace,
} from '../../src/link/voter-links.js';
import type { ElectionMessage } from '../../src/model/election-messages.js';
import type { Logger } from '../../src/std/logger.js';
import { NONCE_SIZE } from '../../src/wire/frames.js';
import { FrameSplitter } from '../../src/wire/splitter.js';
import { rawListen, SECRET, startPrimary, startProxy, type TestPrimary } from './link.js';
import type { VirtualClock } from './virtual-clock.js';

export interface Heard {
  readonly from: string;
  readonly message: ElectionMessage;
}

/** A node's listener, with what it hears about elections. */
export type TestVoterListener = TestPrimary & {
  readonly heard: readonly unknown[];
  readonly election: Heard[];
};

export interface TestVoterLinks {
  readonly links: VoterLinks;
  /** What came back on the connections that were dialled. */
  readonly answers: Heard[];
  readonly losses: { readonly peer: string; readonly isRefused: boolean }[];
  /** What was logged: the code, and the reason. */
  readonly codes: string[];
  readonly reasons: string[];
}

export const beat = (number: number): ElectionMessage => ({
  kind: 'heartbeat',
  epoch: 3,
  campaign: 'c',
  number,
  isAnswered: true,
});

export const numbersOf = (heard: readonly Heard[]) =>
  heard.map(({ message }) => (message.kind === 'heartbeat' ? message.number : null));

/** Ends of election links on real sockets, which `stop` ends again. */
export function voterEnds() {
  const stops: (() => Promise<void>)[] = [];
  return {
    stops,
    async listener(
      node: string,
      options: Partial<LinkListenerOptions> = {},
      over: Partial<LinkListenerModules> = {},
    ): Promise<TestVoterListener> {
      const election: Heard[] = [];
      const started = await startPrimary(
        { node, ...options },
        { election: { message: (from, message) => void election.push({ from, message }) }, ...over },
      );
      stops.push(() => started.listener.stop());
      return { ...started, election };
    },
    links(
      node: string,
      peers: () => readonly VoterPlace[],
      options: Partial<VoterLinksOptions> = {},
      over: Partial<VoterLinksModules> = {},
    ): TestVoterLinks {
      const told: Omit<TestVoterLinks, 'links'> = { answers: [], losses: [], codes: [], reasons: [] };
      const links = new VoterLinks(
        { cluster: 'demo', secret: SECRET, node, incarnation: `${node}-disk`, ...options },
        {
          logger: loggerTo(told),
          peers,
          message: (from, message) => told.answers.push({ from, message }),
          sendOnAccepted: () => false,
          closed: (peer, isRefused) => told.losses.push({ peer, isRefused }),
          ...over,
        },
      );
      stops.push(() => links.stop());
      links.start();
      return { links, ...told };
    },
    async proxyTo(port: number) {
      const proxy = await startProxy(port);
      stops.push(proxy.stop);
      return proxy;
    },
    /** Proves itself with this secret, and then takes what comes: `frame` says what is done with it. */
    async provenListener(frame: (name: string, payload: Buffer, socket: Socket) => void) {
      const identity = linkIdentity('demo', SECRET);
      const raw = await rawListen((socket) => {
        let state = listenerStart(randomBytes(NONCE_SIZE)).state;
        const names = ['hello', 'proof', 'voter', 'probe', 'election', 'refuse'] as const;
        const splitter = new FrameSplitter(names, (name, payload) => {
          if (name !== 'hello' && name !== 'proof') {
            frame(name, payload, socket);
            return;
          }
          const step = handshakeStep(identity, state, name, payload);
          state = step.state;
          if (step.send !== null) socket.write(step.send);
        });
        socket.on('data', (chunk) => splitter.push(chunk));
      });
      stops.push(raw.stop);
      return raw;
    },
    async stop(): Promise<void> {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
  };
}

export const place = (name: string, port: number): VoterPlace => ({
  name,
  link: { host: '127.0.0.1', port },
});

function loggerTo({ codes, reasons }: Omit<TestVoterLinks, 'links'>): Logger {
  const note = (data: object) => {
    const { code, reason } = data as { code: string; reason: string };
    codes.push(code);
    reasons.push(reason);
  };
  const logger: Logger = { debug() {}, info: note, warn: note, error: note, child: () => logger };
  return logger;
}

/** Whether nothing is due on this clock any more. */
export const isIdle = (clock: VirtualClock) => !clock.isDueWithin(Number.MAX_SAFE_INTEGER);
