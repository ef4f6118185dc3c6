import { isSkeinError, messageOf } from '../../model/error.js';
import { ORIGIN, type Position } from '../../model/position.js';
import type { Emitter } from '../../std/emitter.js';
import { sleep } from '../../std/timing.js';
import { untilTrue } from '../../std/until-true.js';
import type { Epochs } from '../epochs.js';
import type { XaRecovery } from '../xa-recovery.js';
import type { DefinitionRepair } from './definition-repair.js';
import type { LogFeed } from './log-feed.js';
import { lostLog } from './lost-log.js';
import { findingOf, type OpeningEvent, type OpeningState } from './opening.js';
import type { OwnLog } from './own-log.js';
import type { PrimaryChecks } from './primary-checks.js';
import type { PrimaryRoleModules, PrimaryRoleOptions } from './primary-parts.js';
import type { ReplicaSet } from './replica-set.js';

/** The usual obstacle to opening a server is a session that needs some seconds to end. */
const RETRY_MS = 2_000;

export interface OpeningWorkModules
  extends Pick<
    PrimaryRoleModules,
    'logger' | 'flavour' | 'events' | 'logEndFile' | 'control' | 'prepareSystem' | 'crashHandled' | 'openMark'
  > {
  readonly epochs: Epochs;
  readonly feed: LogFeed;
  readonly ownLog: OwnLog;
  readonly replicas: ReplicaSet;
  readonly xa: XaRecovery;
  readonly definitions: DefinitionRepair;
  readonly checks: PrimaryChecks;
  /** The attached replicas, or their heartbeats, may have changed. */
  readonly onChange: Emitter<void>;
  /** Why the server is not open yet, for people. */
  waiting(reason: string): void;
  /** Kills the server and ends this run of the role (rule C1). */
  fence(why: string): void;
  /** This server cannot be opened in this epoch. */
  unfit(reason: string): void;
  /** The last step is done: the primary serves clients. */
  opened(): void;
}

const UNCOMPARED = 'it was opened after a crash without having been found equal to another node';

/** Does the work of each step in opening.ts: queries the server, and waits for replicas. */
export class OpeningWork {
  readonly #options: Pick<PrimaryRoleOptions, 'node' | 'acknowledge' | 'retryMs'>;
  readonly #modules: OpeningWorkModules;
  /** End of the server's log. All of it must be on a quorum before the primary serves clients. */
  #logEnd: Position = ORIGIN;
  /** See OpenMark. */
  #doubt: string | null = null;

  constructor(
    options: Pick<PrimaryRoleOptions, 'node' | 'acknowledge' | 'retryMs'>,
    modules: OpeningWorkModules,
  ) {
    this.#options = options;
    this.#modules = modules;
  }

  /**
   * Does the work of the current step. Never rejects: an error is the event `failed`, unless the signal has ended the
   * run.
   */
  async run(state: OpeningState, signal: AbortSignal): Promise<OpeningEvent> {
    try {
      return await this.#perform(state, signal);
    } catch (error) {
      if (signal.aborted) return { kind: 'ended' };
      const code = isSkeinError(error) ? error.code : null;
      this.#modules.logger.error({ code, reason: messageOf(error) }, 'opening as primary failed');
      this.#modules.waiting(`Opening failed: ${messageOf(error)} Trying again.`);
      return { kind: 'failed' };
    }
  }

  async #perform(state: OpeningState, signal: AbortSignal): Promise<OpeningEvent> {
    const { control, flavour, epochs, replicas, feed, ownLog, waiting } = this.#modules;
    switch (state.step) {
      case 'inspect':
        return this.#inspect(state, signal);
      case 'recoverXa':
        await this.#recoverXa(signal);
        break;
      case 'requireAcks':
        if (this.#options.acknowledge !== 'async') await control().waitForAcknowledgements();
        break;
      case 'copyLog':
        await ownLog.reach(this.#logEnd, signal);
        break;
      case 'awaitQuorum':
        waiting(replicas.missing);
        await untilTrue(() => replicas.mayOpen, this.#modules.onChange, signal);
        feed.run(signal);
        break;
      case 'replicateLog':
        waiting('The quorum is receiving the rest of the log.');
        await untilTrue(() => replicas.quorum.openable >= this.#logEnd.ordinal, replicas.onCommitted, signal);
        break;
      case 'compareDefinitions':
        await this.#repairDefinitions(state, signal);
        break;
      case 'open':
        await this.#modules.openMark.set(epochs.current, this.#doubt);
        await control().openAsPrimary({ serverId: flavour.epochServerId(epochs.current) });
        break;
      case 'prepare':
        await this.#modules.prepareSystem();
        if (!signal.aborted) this.#modules.opened();
        break;
      case 'pause':
        await sleep(this.#options.retryMs ?? RETRY_MS, signal);
        return { kind: 'retry' };
    }
    return { kind: 'done' };
  }

  async #inspect({ adopted }: OpeningState, signal: AbortSignal): Promise<OpeningEvent> {
    const { control, epochs, checks, logEndFile, ownLog, fence } = this.#modules;
    const reading = await control().status();
    if (signal.aborted) return { kind: 'ended' };
    this.#logEnd = epochs.positionOf(reading.gtidBinlogPos);
    checks.begin(reading);
    const known = await logEndFile.load();
    if (signal.aborted) return { kind: 'ended' };
    const finding = findingOf({ ...reading, adopted, known, serverEnd: this.#logEnd, logEnd: ownLog.end });
    if (finding === 'foreign') {
      fence('an adopted server is open with a server id that is not of this epoch');
    } else if (finding === 'lost') {
      this.#reportLostLog(Math.max(known, ownLog.end.ordinal));
    } else if (finding === 'ahead') {
      this.#reportSurplus();
    }
    return { kind: 'inspected', finding };
  }

  /**
   * Another node takes over, and this server is filled from it. A node that is alone stays closed until it has its data back.
   */
  #reportLostLog(known: number): void {
    const { events, waiting } = this.#modules;
    const { node } = this.#options;
    const message = lostLog({ node, logEnd: this.#logEnd, known });
    events.add('replication.error', node, message, { code: 'DATA_LOST' });
    waiting(message);
    this.#modules.unfit(message);
  }

  /** The server's own transactions were never acknowledged: another node takes over, and this server is filled from it. */
  #reportSurplus(): void {
    const { events, waiting, ownLog, unfit } = this.#modules;
    const message = `The server of this node ends at ${this.#logEnd.gtid}, and the cluster's log at ${ownLog.end.gtid || 'its beginning'}. What it has beyond that was never acknowledged. It cannot serve before it was filled from another node.`;
    events.add('replication.error', this.#options.node, message, { code: 'SERVER_AHEAD' });
    waiting(message);
    unfit(message);
  }

  /** Makes the engine agree with the log. That may append to the log. */
  async #recoverXa(signal: AbortSignal): Promise<void> {
    const { events, control, epochs, flavour, replicas, xa } = this.#modules;
    const done = await xa.settlePrimary(this.#logEnd, flavour.epochServerId(epochs.current), signal);
    if (done !== null) {
      events.add('replication.error', this.#options.node, `After the crash in the middle of XA: ${done}.`, {
        code: 'XA_SETTLED',
      });
      this.#logEnd = epochs.positionOf((await control().status()).gtidBinlogPos);
      replicas.quorum.setReceived(this.#logEnd.ordinal);
    }
    await xa.agree(this.#logEnd);
  }

  async #repairDefinitions({ crashed }: OpeningState, signal: AbortSignal): Promise<void> {
    const { flavour, epochs, definitions, crashHandled } = this.#modules;
    const epoch = epochs.current;
    const isCertain =
      !crashed || (await definitions.repair({ serverId: flavour.epochServerId(epoch), epoch }, signal));
    this.#doubt = isCertain ? null : UNCOMPARED;
    await definitions.noteOpening();
    await crashHandled();
  }
}
