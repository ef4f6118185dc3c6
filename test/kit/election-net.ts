import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ElectionActions } from '../../src/election/actions.js';
import { ElectionDriver } from '../../src/election/driver.js';
import { promiseFile } from '../../src/election/promise.js';
import type { Fitness } from '../../src/election/state.js';
import {
  adoptedPlace,
  type Chain,
  type ChainEntry,
  extendChain,
  settleChain,
} from '../../src/model/chain.js';
import type { ElectionMessage } from '../../src/model/election-messages.js';
import type { Position } from '../../src/model/position.js';
import { ChainFile } from '../../src/roles/chain-file.js';
import { silentLogger } from '../../src/std/logger.js';
import { foundingChain } from '../simulation/world.js';
import { VirtualClock } from './virtual-clock.js';

/** What is asked for is held back, or fails. */
class Gate {
  #opened: Promise<void> | null = null;
  #open = () => {};
  #reach = () => {};
  error: Error | null = null;

  /** Resolves when something is held. */
  hold(): Promise<void> {
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
    return new Promise((resolve) => {
      this.#reach = resolve;
    });
  }

  release(): void {
    this.#opened = null;
    this.#open();
  }

  async pass(): Promise<void> {
    if (this.#opened) {
      this.#reach();
      await this.#opened;
    }
    if (this.error) throw this.error;
  }
}

/** The first node campaigns first. */
const RANDOM = [0.1, 0.5, 0.9];

interface Mail {
  readonly from: string;
  readonly to: string;
  readonly message: ElectionMessage;
}

/**
 * Drivers of elections on their real files, with a network in memory and a clock on which time passes only when the test
 * says so. Actions are recorded; of the links with records only the chain is there.
 */
export class ElectionNet {
  readonly clock = new VirtualClock();
  readonly nodes: readonly ElectionNode[];
  /** Everything that was sent, delivered or not. */
  readonly sent: Mail[] = [];
  readonly #mail: Mail[] = [];
  #writes = 0;

  /** A directory for each node is made in `directory`. */
  constructor(directory: string, names: readonly string[]) {
    const chain = foundingChain(names);
    this.nodes = names.map((name) => new ElectionNode(this, name, join(directory, name), chain));
  }

  async start(): Promise<void> {
    for (const node of this.nodes) await node.start();
    await this.settle();
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) await node.end();
    await this.settle();
  }

  node(name: string): ElectionNode {
    const found = this.nodes.find((node) => node.name === name);
    if (!found) throw new Error(`there is no node ${name}`);
    return found;
  }

  get leader(): ElectionNode | null {
    return this.nodes.find(({ isUp, driver }) => isUp && driver.role.isServing) ?? null;
  }

  /** Time passes in small steps, and in each of them everything happens that can. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      this.clock.pass(Math.min(10, left));
      await this.settle();
    }
  }

  /** How much time passed until it was so. */
  async passUntil(what: string, isSo: () => boolean, maxMs = 5000): Promise<number> {
    for (let ms = 0; ms <= maxMs; ms += 10) {
      if (isSo()) return ms;
      await this.pass(10);
    }
    throw new Error(
      `${what}: not within ${maxMs} ms. ${this.nodes.map(({ did }) => did.join(', ')).join('; ')}`,
    );
  }

  /** Until nothing is on its way but what is held. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet++) {
      await setImmediate();
      const mail = this.#mail.splice(0);
      for (const { from, to, message } of mail) {
        const node = this.nodes.find(({ name }) => name === to);
        if (node?.isUp && !node.isCut && !this.node(from).isCut) node.driver.message(from, message);
      }
      const isAttached = this.nodes.map((node) => node.attach()).includes(true);
      if (mail.length > 0 || this.#writes > 0 || isAttached) quiet = -1;
    }
  }

  send(mail: Mail): void {
    this.sent.push(mail);
    this.#mail.push(mail);
  }

  async write<T>(work: Promise<T>): Promise<T> {
    this.#writes++;
    try {
      return await work;
    } finally {
      this.#writes--;
    }
  }
}

export class ElectionNode {
  readonly name: string;
  readonly directory: string;
  /** The actions that its driver has wanted. */
  readonly did: string[] = [];
  /** Called in the middle of each action. */
  onAction: (text: string) => void = () => {};
  readonly events: { event: string; reason: string; more: Record<string, unknown> }[] = [];
  readonly failures: unknown[] = [];
  readonly promiseGate = new Gate();
  readonly chainGate = new Gate();
  readonly settleGate = new Gate();
  readonly #net: ElectionNet;
  readonly #founding: Chain;
  driver!: ElectionDriver;
  chainFile!: ChainFile;
  log: Position = { epoch: 0, ordinal: 10, gtid: '0-0-10' };
  fitness: Fitness = { abstains: null, serves: 'yes', maintenance: false, priority: 0 };
  isUp = false;
  /** Nothing comes and goes. */
  isCut = false;
  boot = 0;
  #following: { leader: string; epoch: number } | null = null;
  #isAttached = false;
  #feeding: number | null = null;

  constructor(net: ElectionNet, name: string, directory: string, founding: Chain) {
    this.#net = net;
    this.name = name;
    this.directory = directory;
    this.#founding = founding;
  }

  async start(): Promise<void> {
    const { name, directory } = this;
    await mkdir(directory, { recursive: true });
    this.chainFile = new ChainFile(directory);
    await this.chainFile.load();
    if (this.chainFile.chain.length === 0) await this.chainFile.save(this.#founding);
    const net = this.#net;
    const promises = promiseFile(directory);
    this.driver = new ElectionDriver(
      { node: name, incarnation: `${name}.0`, boot: ++this.boot, stateDirectory: directory },
      {
        logger: silentLogger,
        clock: net.clock,
        random: () => RANDOM[net.nodes.indexOf(this)] ?? 0.5,
        events: {
          add: (event, _subject, reason, more = {}) => this.events.push({ event, reason, more }),
        },
        promiseFile: {
          load: () => promises.load(),
          save: (promise) => this.promiseGate.pass().then(() => net.write(promises.save(promise))),
        },
        chainFile: this.#chains(),
        links: {
          send: (to, message) => {
            if (message.kind === 'timeoutNow') this.did.push(`timeoutNow to ${to}`);
            net.send({ from: name, to, message });
          },
        },
        actions: this.#actions(),
        facts: { log: () => this.log, applied: () => this.log.ordinal, fitness: () => this.fitness },
        fail: (error) => this.failures.push(error),
      },
    );
    await this.driver.start();
    this.isUp = true;
  }

  #chains() {
    const { chainFile } = this;
    const change = (next: (chain: Chain) => Chain) =>
      this.chainGate.pass().then(() => this.#net.write(chainFile.change(next)));
    return {
      get chain() {
        return chainFile.chain;
      },
      change,
    };
  }

  /** Nothing is held back any more. */
  async end(): Promise<void> {
    this.isUp = false;
    for (const gate of [this.promiseGate, this.chainGate, this.settleGate]) gate.release();
    await (this.driver as ElectionDriver | undefined)?.stop();
  }

  /** The process ends: links are closed, and refused from now on. */
  async kill(): Promise<void> {
    this.isUp = false;
    await this.driver.stop();
    for (const other of this.#net.nodes) if (other.isUp) other.driver.linkClosed(this.name, true);
    await this.#net.settle();
  }

  said(text: string | RegExp): string[] {
    const reasons = this.events.map(({ reason }) => reason);
    return reasons.filter((reason) => (typeof text === 'string' ? reason === text : text.test(reason)));
  }

  #actions(): ElectionActions {
    const did = (text: string) => {
      this.did.push(text);
      this.onAction(text);
    };
    return {
      settleLog: (epoch) => {
        did(`settleLog ${epoch}`);
        this.#following = null;
        this.#isAttached = false;
        this.#feeding = null;
        return this.settleGate.pass();
      },
      follow: (leader, epoch) => {
        did(`follow ${leader} ${epoch}`);
        this.#following = { leader, epoch };
        this.#isAttached = false;
      },
      feed: (epoch) => {
        did(`feed ${epoch}`);
        this.#feeding = epoch;
      },
      lead: (epoch) => did(`lead ${epoch}`),
      serve: (epoch) => {
        did(`serve ${epoch}`);
        queueMicrotask(() => this.driver.served(epoch));
      },
      suspend: (reason) => did(`suspend: ${reason}`),
      resume: () => did('resume'),
      drain: (to) => {
        did(`drain for ${to}`);
        return Promise.resolve(this.log.ordinal);
      },
      undrain: () => did('undrain'),
      stepDown: (epoch) => {
        did(`stepDown ${epoch}`);
        this.#feeding = null;
      },
      announce: (entry, isSettled) => {
        did(`announce ${entry.epoch}.${entry.number}${isSettled ? ', settled' : ''}`);
        for (const node of this.#net.nodes) void node.#hear(this, entry, isSettled);
      },
    };
  }

  /** Takes the chain of the primary that it follows. True = something has begun. */
  attach(): boolean {
    const { leader, epoch } = this.#following ?? {};
    const primary = this.#net.nodes.find(({ name }) => name === leader);
    if (!this.isUp || this.isCut || this.#isAttached || !primary?.isUp || primary.isCut) return false;
    if (primary.#feeding !== epoch) return false;
    this.#isAttached = true;
    void this.#adopt(primary, primary.chainFile.chain);
    return true;
  }

  async #hear(primary: ElectionNode, entry: ChainEntry, isSettled: boolean): Promise<void> {
    const { chain } = this.chainFile;
    if (!this.#isAttached || this.#following?.leader !== primary.name) return;
    const last = chain.at(-1);
    const isKnown = last?.epoch === entry.epoch && last.number === entry.number;
    const next = isKnown ? chain : extendChain(chain, entry);
    await this.#adopt(primary, isSettled ? settleChain(next) : next);
  }

  async #adopt(primary: ElectionNode, chain: Chain): Promise<void> {
    const following = this.#following;
    await this.#net.write(this.chainFile.change(() => chain));
    if (following === null || this.#following !== following || !this.isUp) return;
    this.driver.chainFollowed(chain);
    const place = adoptedPlace(chain, this.log.ordinal);
    const { name } = this;
    if (place)
      primary.driver.adopted({ from: name, incarnation: `${name}.0`, epoch: following.epoch, place });
  }
}
