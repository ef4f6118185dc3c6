import { execFileSync } from 'node:child_process';
import { isIP } from 'node:net';

/** A machine of a network: what runs with `prefix` has only this address and its own loopback. */
export interface TestMachine {
  readonly host: string;
  readonly prefix: readonly string[];
}

/**
 * Machines that a switch connects: network namespaces, each with one cable (a veth pair) to a bridge in a namespace of its own.
 * Nothing of the host's network is touched.
 */
export class TestNetwork {
  readonly machines: readonly TestMachine[];
  readonly #names: readonly string[];
  readonly #hub: string;

  private constructor(hub: string, names: readonly string[], hosts: readonly string[]) {
    this.#hub = hub;
    this.#names = names;
    this.machines = names.map((name, at) => ({
      host: hosts[at] ?? '',
      prefix: ['ip', 'netns', 'exec', name],
    }));
  }

  /** With these addresses; null where namespaces are not permitted. */
  static create(hosts: readonly string[]): TestNetwork | null {
    const id = `skein${process.pid}`;
    const network = new TestNetwork(
      `${id}s`,
      hosts.map((_, at) => `${id}m${at}`),
      hosts,
    );
    try {
      network.#build(hosts);
      return network;
    } catch {
      network.dispose();
      return null;
    }
  }

  /** Pulls the cable of a machine, by its number from 0, or plugs it in again. */
  cable(machine: number, state: 'up' | 'down'): void {
    this.#inHub('link', 'set', `port${machine}`, state);
  }

  dispose(): void {
    for (const name of [...this.#names, this.#hub]) {
      try {
        ip('netns', 'del', name);
      } catch {
        // It was never made.
      }
    }
  }

  #build(hosts: readonly string[]): void {
    ip('netns', 'add', this.#hub);
    this.#inHub('link', 'add', 'switch', 'type', 'bridge');
    this.#inHub('link', 'set', 'switch', 'up');
    for (const [at, name] of this.#names.entries()) {
      const host = hosts[at] ?? '';
      ip('netns', 'add', name);
      this.#inHub('link', 'add', `port${at}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      this.#inHub('link', 'set', `port${at}`, 'master', 'switch');
      this.#inHub('link', 'set', `port${at}`, 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'addr', 'add', `${host}/${isIP(host) === 6 ? 64 : 24}`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
    }
  }

  #inHub(...args: string[]): void {
    ip('-n', this.#hub, ...args);
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'ignore' });
}
