import { createHash } from 'node:crypto';
import { type Definition, SET_ASIDE } from '../../flavour/definitions.js';
import type { DefinitionsSql } from '../../flavour/definitions-sql.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import {
  type DefinitionDigests,
  type Definitions,
  differingObjects,
  digestsOf,
} from '../../model/definitions.js';
import { messageOf } from '../../model/error.js';
import {
  differenceOf,
  planRepair,
  type RepairStep,
  unreadableObjects,
} from '../../mysql-control/definition-repair-plan.js';
import { monotonicMs } from '../../std/clock.js';
import { sleep } from '../../std/timing.js';
import type { DefinitionsReply } from '../../wire/messages.js';
import type { LocalControl } from '../local-server.js';
import type { DefinitionsFile } from './definitions-file.js';

/**
 * DDL is not transactional. A primary's server that crashed in the middle of DDL may have executed DDL that is not in its
 * log, or not have executed DDL that is in it (rule H10). Its replicas have executed exactly the log. So before such a server
 * is opened, its definitions are compared with those of a replica at the same position, and repaired.
 */
export interface DefinitionRepairModules {
  readonly sql: Pick<DefinitionsSql, 'copyStored'>;
  readonly file: DefinitionsFile;
  control(): LocalControl;
  /** Attached replicas that are voters. */
  replicas(): readonly ReplicaSession[];
  /** Whether the server stays closed as long as no replica is attached. `waitedMs`: how long it has been so. */
  waitsForReplica(waitedMs: number): boolean;
  /** This node is the only voter, so there is no replica to compare with. */
  isAlone(): boolean;
  /** Why the server is not open yet, for people. */
  waiting(reason: string): void;
  /** Why it stays closed until a person has done something, or another node takes over. Repeated at each comparison. */
  unrepaired(reason: string): void;
  event(code: string, reason: string): void;
}

/** Pause between two comparisons while an operator must do something. */
const LOOK_AGAIN_MS = 2_000;
const ASK_AGAIN_MS = 200;
/** After one replica has answered that it differs, the other replicas get this time to answer. */
const OTHERS_WAIT_MS = 5_000;
/** Repair rounds. After these, the remaining differences are reported, and the primary stays closed. */
const REPAIRS_MAX = 3;
/** More differences than this do not come from one interrupted statement, so nothing is repaired automatically. */
const OBJECTS_MAX = 100;
const NAMED_MAX = 5;
/** Definitions in one query, so that the answer fits into a frame of the link. */
const QUERIED_MAX = 100;

type Reply = DefinitionsReply['definitions'] | 'failed' | 'gone';

/** `no replica`: none is attached. `not known`: no replica can answer, and this server can read all of its tables. */
type Found =
  | 'equal'
  | 'no replica'
  | 'not known'
  | {
      /** Null: no replica can answer. */
      readonly node: string | null;
      readonly objects: readonly string[];
      readonly own: Definitions;
      readonly theirs: Definitions;
    };

export interface KnownDifference {
  readonly object: string;
  /** See `differenceOf`. */
  readonly name: string;
  readonly node: string;
  readonly own: string;
  readonly theirs: string;
}

export class DefinitionRepair {
  readonly #modules: DefinitionRepairModules;
  #lastId = 0;

  constructor(modules: DefinitionRepairModules) {
    this.#modules = modules;
  }

  /**
   * Compares and repairs. Only on a closed server whose whole log is on the quorum. Resolves when the server may be opened, with
   * true when it is equal to a replica now.
   * @param serverId server id of statements that are logged, and so executed on all nodes
   */
  async repair(
    { serverId, epoch }: { serverId: number; epoch: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { file, event, waiting, unrepaired } = this.#modules;
    const control = this.#modules.control();
    const beganAtMs = monotonicMs();
    for (let round = 1, repairs = 0; ; round++) {
      signal.throwIfAborted();
      const { gtidBinlogPos: gtid } = await control.status();
      const found = await this.#compare(gtid, monotonicMs() - beganAtMs);
      signal.throwIfAborted();
      if (found === 'equal') return true;
      if (found === 'no replica') {
        if (this.#modules.replicas().length === 0) waiting(NO_REPLICA);
        await sleep(ASK_AGAIN_MS, signal);
        continue;
      }
      if (found === 'not known') {
        if (!this.#modules.isAlone()) event('DEFINITIONS_UNCHECKED', UNCHECKED);
        return false;
      }
      const noted = await file.load();
      const remade = await control.madeSince(noted.tableIdMax ?? Number.MAX_SAFE_INTEGER);
      const tables = found.objects.flatMap((object) => tableOf(found.own.get(object)));
      const changed = await control.changedSince(noted.openedAt ?? NEVER, tables.slice(0, OBJECTS_MAX));
      const setAside = (n: number) => `${SET_ASIDE.prefix}${epoch}_${round}_${n}`;
      const plan = planRepair(found.objects, found.own, found.theirs, {
        remade,
        changed,
        known: knownOf(found, noted.known ?? []),
        setAside,
        copyStored: this.#modules.sql.copyStored,
      });
      const isTooMuch = plan.steps.length + plan.left.length > OBJECTS_MAX;
      const { steps, left } = isTooMuch
        ? { steps: [], left: [...plan.left, ...plan.steps.map(({ what }) => what)] }
        : plan;
      if (steps.length + left.length === 0) return false;
      const failed = await this.#execute(repairs < REPAIRS_MAX ? steps : [], serverId);
      signal.throwIfAborted();
      if (failed.length < steps.length) repairs++;
      if (left.length + failed.length === 0 && repairs <= REPAIRS_MAX) continue;
      const open = left.length + failed.length > 0 ? [...left, ...failed] : steps.map(({ what }) => what);
      const name = nameOf(open, found);
      if (noted.accept === name) {
        event(
          'DEFINITIONS_ACCEPTED',
          `Opened with these differences, because ${file.path} accepts them: ${named(open)}.`,
        );
        return false;
      }
      unrepaired(differs(found.node, open, file.path, name));
      await sleep(LOOK_AGAIN_MS, signal);
    }
  }

  /** Saves what a later comparison needs. Called before the server is opened. */
  async noteOpening(): Promise<void> {
    const control = this.#modules.control();
    const { known } = await this.#modules.file.load();
    await this.#modules.file.save({
      ...(known && { known }),
      tableIdMax: await control.tableIdMax(),
      partitions: await control.partitionIds(),
      openedAt: await control.now(),
    });
  }

  /**
   * On an open server: objects whose definition here differs from that on a replica. The replica has executed the log at least
   * up to the position of this server at the comparison. DDL that is under way may look like a difference, so only one that
   * is found twice counts. Null = no replica can answer now.
   */
  async differences(): Promise<readonly KnownDifference[] | null> {
    // DDL that is under way may lock the definitions. Then the caller tries again later.
    const own = await this.#modules
      .control()
      .definitions()
      .catch(() => null);
    if (own === null) return null;
    const { gtidBinlogPos: gtid } = await this.#modules.control().status();
    for (const session of this.#modules.replicas()) {
      const found = await this.#differencesFrom(session, gtid, own);
      if (found !== null) return found;
    }
    return null;
  }

  async #differencesFrom(
    session: ReplicaSession,
    gtid: string,
    own: Definitions,
  ): Promise<readonly KnownDifference[] | null> {
    const digests = await this.#query(session, gtid, null);
    if (typeof digests !== 'object') return null;
    const objects = differingObjects(digestsOf(own), digests);
    const theirs = await this.#definitionsOf(session, gtid, objects);
    if (theirs === null) return null;
    return objects.flatMap((object) => {
      const name = differenceOf(object, own.get(object), theirs.get(object));
      const texts = { own: own.get(object) ?? '', theirs: theirs.get(object) ?? '' };
      return name === null ? [] : [{ object, name, node: session.node, ...texts }];
    });
  }

  /** Saves the known differences, so that after a crash they do not count as results of the crash. */
  async saveKnown(names: readonly string[]): Promise<void> {
    const { file } = this.#modules;
    await file.save({ ...(await file.load()), known: [...names] });
  }

  /** Null when the definitions cannot be read (too many tables for the time limit). That is no reason to stay closed. */
  async #own(): Promise<Definitions | null> {
    try {
      return await this.#modules.control().definitions();
    } catch (error) {
      this.#modules.event(
        'DEFINITIONS_UNKNOWN',
        `The definitions of this server could not be read: ${messageOf(error)}`,
      );
      return null;
    }
  }

  async #compare(gtid: string, waitedMs: number): Promise<Found> {
    const sessions = this.#modules.replicas();
    if (sessions.length === 0 && this.#modules.waitsForReplica(waitedMs)) return 'no replica';
    const others = sessions.map(({ node }) => node).join(' and ');
    this.#modules.waiting(
      `The server crashed, perhaps in the middle of DDL. The node ${others === '' ? 'reads its definitions' : `compares its definitions with those of ${others}`}.`,
    );
    const failed = (node: string, reason: string) =>
      this.#modules.event('DEFINITIONS_UNKNOWN', `The definitions of ${node} could not be read: ${reason}`);
    const replies = sessions.map((session) => this.#query(session, gtid, null, failed));
    const definitions = await this.#own();
    if (definitions === null) return 'not known';
    // An unreadable table never counts as equal, even if a replica cannot read it either.
    const unreadable = unreadableObjects(definitions);
    const withoutReplica: Found =
      unreadable.length === 0
        ? 'not known'
        : { node: null, objects: unreadable, own: definitions, theirs: definitions };
    if (sessions.length === 0) return withoutReplica;
    const own = digestsOf(definitions);
    const isEqual = (answer?: Reply) =>
      typeof answer === 'object' && unreadable.length + differingObjects(own, answer).length === 0;
    const answers = await firstOrAll(replies, isEqual, OTHERS_WAIT_MS);
    if (answers.some(isEqual)) return 'equal';
    const answered = sessions.flatMap((session, i) => {
      const digests = answers[i];
      return typeof digests === 'object' ? [{ session, digests }] : [];
    });
    const [first] = answered;
    // A replica whose link ended comes back, and may answer then.
    if (!first) return answers.every((answer) => answer === 'failed') ? withoutReplica : 'no replica';
    const digests = answered.map((each) => each.digests);
    const objects = [...new Set([...differingFromAll(own, digests), ...unreadable])];
    const theirs = await this.#definitionsOf(first.session, gtid, objects, failed);
    if (theirs === null) return 'no replica';
    return { node: first.session.node, objects, own: definitions, theirs };
  }

  /** Queries these definitions, in parts that fit into an answer. Null when the replica did not answer. */
  async #definitionsOf(
    session: ReplicaSession,
    gtid: string,
    objects: readonly string[],
    failed?: (node: string, reason: string) => void,
  ): Promise<Definitions | null> {
    const found = new Map<string, string>();
    for (let i = 0; i < objects.length; i += QUERIED_MAX) {
      const some = await this.#query(session, gtid, objects.slice(i, i + QUERIED_MAX), failed);
      if (typeof some !== 'object') return null;
      for (const [object, text] of Object.entries(some)) found.set(object, text);
    }
    return found;
  }

  /** The replica answers when it has applied everything up to `gtid`. Its link ends at the latest with this role. */
  #query(
    session: ReplicaSession,
    gtid: string,
    objects: readonly string[] | null,
    failed: (node: string, reason: string) => void = () => {},
  ): Promise<Reply> {
    if (!this.#modules.replicas().includes(session)) return Promise.resolve('gone');
    const id = this.#lastId++;
    return new Promise((resolve) => {
      const settle = (answer: Reply) => {
        offAnswer();
        offClosed();
        resolve(answer);
      };
      const offAnswer = session.onDefinitions.on((answer) => {
        if (answer.id !== id) return;
        if (answer.failed !== null) failed(session.node, answer.failed);
        settle(answer.failed === null ? answer.definitions : 'failed');
      });
      const offClosed = session.onClosed.on(() => settle('gone'));
      session.askDefinitions({ id, gtid, objects: objects && [...objects] });
    });
  }

  /** Executes the steps of a repair. Returns the failed ones, for people. */
  async #execute(steps: readonly RepairStep[], serverId: number): Promise<string[]> {
    const { control, event } = this.#modules;
    const failed: string[] = [];
    // Clients may read on a closed server. The locks of their transactions would block the statements.
    if (steps.length > 0) await control().closeSessions();
    for (const { sql, what, logged } of steps) {
      try {
        await control().execute(sql, logged ? { serverId } : {});
        const where = logged ? 'executed on all nodes' : 'executed on this server only, without logging it';
        event(
          'DEFINITIONS_MENDED',
          `The server had crashed in the middle of DDL. To make it agree with its log, this was ${where}: ${what}`,
        );
      } catch (error) {
        failed.push(`${what} (${messageOf(error)})`);
      }
    }
    return failed;
  }
}

/**
 * Resolves with all values; or with the values so far, once one value is enough, or `waitMs` after the first object. The
 * other replicas may be away for long.
 */
function firstOrAll<T>(
  promises: readonly Promise<T>[],
  isEnough: (value: T) => boolean,
  waitMs: number,
): Promise<(T | undefined)[]> {
  return new Promise((resolve, reject) => {
    const values: (T | undefined)[] = promises.map(() => undefined);
    let missing = promises.length;
    promises.forEach((promise, i) => {
      promise.then((value) => {
        values[i] = value;
        missing--;
        if (missing === 0 || isEnough(value)) resolve(values);
        else if (typeof value === 'object') setTimeout(() => resolve(values), waitMs).unref();
      }, reject);
    });
  });
}

/**
 * Objects that differ from every replica. An object that is equal on one replica is as the log says, whatever the others
 * have.
 */
function differingFromAll(own: DefinitionDigests, others: readonly DefinitionDigests[]): string[] {
  const [first, ...rest] = others.map((digests) => differingObjects(own, digests));
  return (first ?? []).filter((object) => rest.every((differing) => differing.includes(object)));
}

const NO_REPLICA =
  'The server crashed, perhaps in the middle of DDL. The node waits for another node with a server, to compare its definitions with.';
const UNCHECKED =
  'The server had crashed, perhaps in the middle of DDL, and its definitions could not be compared with those of a replica. ' +
  'The primary opens without a comparison.';

/** A time after which nothing has changed. */
const NEVER = '9999-12-31 00:00:00';

function tableOf(text: string | undefined): { schema: string; name: string }[] {
  const definition = text === undefined ? null : (JSON.parse(text) as Definition);
  return definition?.kind === 'table' ? [definition] : [];
}

type Compared = Exclude<Found, string>;

const differenceIn = ({ own, theirs }: Compared, object: string) =>
  differenceOf(object, own.get(object), theirs.get(object));

function knownOf(found: Compared, names: readonly string[]): ReadonlySet<string> {
  return new Set(found.objects.filter((object) => names.includes(differenceIn(found, object) ?? '')));
}

/**
 * Identifies these differences. The name is the same at every comparison, whatever names the repair gives to tables, and
 * another one for other differences of the same objects.
 */
function nameOf(differences: readonly string[], found: Compared): string {
  const texts = differences.map((text) => text.replaceAll(/set_aside_[0-9_]+/g, 'set_aside'));
  const outlines = found.objects.map((object) => differenceIn(found, object));
  return createHash('sha256')
    .update(JSON.stringify([texts, outlines]))
    .digest('hex')
    .slice(0, 12);
}

function named(differences: readonly string[]): string {
  const more = differences.length - NAMED_MAX;
  const first = differences.slice(0, NAMED_MAX).map((text) => text.slice(0, 300));
  return `${first.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

function differs(node: string | null, differences: readonly string[], path: string, name: string): string {
  const asItIs = `To open with these differences instead, write {"accept":"${name}"} to ${path}.`;
  const how =
    "connect to this server's socket, and SET sql_log_bin = 0 first. The node checks every few seconds.";
  if (node === null)
    return (
      `The server crashed in the middle of DDL: ${named(differences)}. No replica could answer. The primary stays closed, ` +
      `because acknowledged rows may be missing. DROP each object that you do not need: ${how} Load lost rows from a dump. ${asItIs}`
    );
  return (
    `The server crashed in the middle of DDL and differs from its log, which ${node} has executed: ${named(differences)}. ` +
    `The primary stays closed until another node takes over, because writes to these objects would stop its replicas. Or make them equal to those on ${node}: ` +
    `${how} DROP a table that cannot be read, and load it from a dump of ${node}. ${asItIs}`
  );
}
