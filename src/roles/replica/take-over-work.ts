import type { Epochs } from '../epochs.js';
import type { XaRecovery } from '../xa-recovery.js';
import { isDdl } from './is-ddl.js';
import type { ReplicaChecks } from './replica-checks.js';
import type { ReplicaRoleModules, ReplicaRoleOptions } from './replica-parts.js';
import type { SeedDecision } from './seed-decision.js';
import type { TakeOverEvent, TakeOverState } from './take-over.js';

export interface TakeOverWorkModules
  extends Pick<
    ReplicaRoleModules,
    'logger' | 'flavour' | 'events' | 'spool' | 'ddlNote' | 'logEndFile' | 'control'
  > {
  readonly epochs: Epochs;
  readonly xa: XaRecovery;
  readonly seedDecision: SeedDecision;
  readonly checks: ReplicaChecks;
  /** Port of the endpoint, from which the server replicates. */
  endpointPort(): number;
  /** Aborted when the role stops. */
  readonly stopped: AbortSignal;
}

/** Does the work of each step in take-over.ts. An error of a step is thrown, and the take-over may be tried again. */
export class TakeOverWork {
  readonly #options: ReplicaRoleOptions;
  readonly #modules: TakeOverWorkModules;

  constructor(options: ReplicaRoleOptions, modules: TakeOverWorkModules) {
    this.#options = options;
    this.#modules = modules;
  }

  async run(state: TakeOverState): Promise<TakeOverEvent> {
    const { control, epochs, checks, xa } = this.#modules;
    switch (state.step) {
      case 'inspect':
        await this.#inspectPosition();
        return { kind: 'inspected', follows: (await control().replicaStatus()) !== null };
      case 'finishReset':
        return { kind: 'done', reset: await control().finishLogReset() };
      case 'recoverXa':
        await this.#recoverXa();
        break;
      case 'recoverDdl':
        await this.#recoverDdl(state);
        break;
      case 'noteAgreement':
        // The recovery may have begun the server's log again.
        await xa.agree(epochs.positionOf((await control().status()).gtidBinlogPos));
        break;
      case 'endRecovery':
        await checks.serverRecovered(state);
        break;
      case 'follow':
        await control().followEndpoint({
          host: '127.0.0.1',
          port: this.#modules.endpointPort(),
          user: this.#options.endpointUser,
          password: this.#options.endpointPassword,
          workers: checks.workers,
        });
        break;
    }
    return { kind: 'done' };
  }

  async #inspectPosition(): Promise<void> {
    const { control, epochs, logEndFile, checks, seedDecision } = this.#modules;
    const position = epochs.positionOf((await control().status()).gtidSlavePos);
    seedDecision.looked(position, Math.max(await logEndFile.load(), checks.standsAt(position)));
  }

  /** Makes the engine agree with the server's own log, before the server replicates from this node. */
  async #recoverXa(): Promise<void> {
    const { control, epochs, events, xa, stopped } = this.#modules;
    const { gtidBinlogPos, gtidSlavePos } = await control().status();
    const logEnd = epochs.positionOf(gtidBinlogPos);
    const from = await xa.lostFrom(logEnd, epochs.positionOf(gtidSlavePos), stopped);
    const end = from === null ? logEnd : epochs.positionAt(from - 1);
    const done = await xa.settleReplica(end, stopped);
    // Recorded before the log begins again: after a crash in between, nothing else shows which branches were prepared before.
    await xa.agree(end);
    if (from !== null) await control().resetLogAfter(end.gtid);
    const again = from === null ? null : `transactions from number ${from} on are executed again`;
    const what = [done, again].filter((text) => text !== null).join('; ');
    if (what === '') return;
    const reason = `After the crash in the middle of XA: ${what}.`;
    events.add('replication.error', this.#options.node, reason, { code: 'XA_SETTLED' });
  }

  async #recoverDdl({ recovers }: TakeOverState): Promise<void> {
    const { control, epochs, logger, ddlNote } = this.#modules;
    const done = await control().settleRecovery({
      // The note means nothing for a server that ended in order.
      noted: recovers ? await ddlNote.load() : null,
      nameOf: (ordinal) => epochs.positionAt(ordinal).gtid,
      isDdl: (ordinal) => isDdl(ordinal, this.#modules),
    });
    if (done !== null) logger.warn({ reason: done }, 'the server was repaired after its crash');
  }
}
