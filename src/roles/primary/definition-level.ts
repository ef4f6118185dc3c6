import { createHash } from 'node:crypto';
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
  type MendingStep,
  mend,
  unreadableObjects,
} from '../../mysql-control/definition-mending.js';
import { type Definition, SET_ASIDE } from '../../mysql-control/definitions.js';
import { sleep } from '../../std/timing.js';
import type { DefinitionsReply } from '../../wire/messages.js';
import type { LocalControl } from '../local-server.js';
import type { DefinitionsFile } from './definitions-file.js';

/**
 * DDL is not transactional: a primary's server that died in the middle of one may have done what is not in its log, or not
 * have done what is in it (rule H10). Its replicas have executed exactly the log. So before such a server is opened its
 * definitions are compared with those of a replica at the same position, and brought level with them.
 */
export interface DefinitionLevelModules {
  readonly file: DefinitionsFile;
  control(): LocalControl;
  /** Attached, and voters. */
  replicas(): readonly ReplicaSession[];
  /** Whether writes would wait without one. */
  needsReplicas(): boolean;
  /** The only voter: nobody can be asked. */
  isAlone(): boolean;
  /** Why the server is not open yet. */
  waiting(reason: string): void;
  event(code: string, reason: string): void;
}

/** Looked at again so often while a person has to do something. */
const LOOK_AGAIN_MS = 2_000;
const ASK_AGAIN_MS = 200;
/** So long the others are waited for when one has answered that it differs. */
const OTHERS_WAIT_MS = 5_000;
/** What is mended is compared again. What differs after so often is not mended by it. */
const MENDINGS_MAX = 3;
/** To mend more than this is no matter of one interrupted statement. */
const OBJECTS_MAX = 100;
const NAMED_MAX = 5;
/** Definitions that are asked for at once: an answer is a frame of the link. */
const ASKED_MAX = 100;

type Asked = DefinitionsReply['definitions'] | 'failed' | 'gone';

/** `nobody`: no replica is there; `not known`: none can tell, and this server can read all of its tables. */
type Found =
  | 'level'
  | 'nobody'
  | 'not known'
  | {
      /** Null: no replica can tell. */
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

export class DefinitionLevel {
  readonly #modules: DefinitionLevelModules;
  #asked = 0;

  constructor(modules: DefinitionLevelModules) {
    this.#modules = modules;
  }

  /**
   * On a closed server whose whole log is on the quorum. Resolves when it may be opened.
   * @param serverId what is done everywhere is logged under it
   */
  async settle({ serverId, epoch }: { serverId: number; epoch: number }, signal: AbortSignal): Promise<void> {
    const { file, event, waiting } = this.#modules;
    const control = this.#modules.control();
    for (let round = 1, mendings = 0; ; round++) {
      signal.throwIfAborted();
      const { gtidBinlogPos: gtid } = await control.status();
      const found = await this.#compare(gtid);
      signal.throwIfAborted();
      if (found === 'level') return;
      if (found === 'nobody') {
        await sleep(ASK_AGAIN_MS, signal);
        continue;
      }
      if (found === 'not known') {
        if (!this.#modules.isAlone()) event('DEFINITIONS_UNCHECKED', UNCHECKED);
        return;
      }
      const noted = await file.load();
      const remade = await control.madeSince(noted.tableIdMax ?? Number.MAX_SAFE_INTEGER);
      const tables = found.objects.flatMap((object) => tableOf(found.own.get(object)));
      const changed = await control.changedSince(noted.openedAt ?? NEVER, tables.slice(0, OBJECTS_MAX));
      const setAside = (n: number) => `${SET_ASIDE.prefix}${epoch}_${round}_${n}`;
      const mending = mend(found.objects, found.own, found.theirs, {
        remade,
        changed,
        known: knownOf(found, noted.known ?? []),
        setAside,
      });
      const isTooMuch = mending.steps.length + mending.left.length > OBJECTS_MAX;
      const { steps, left } = isTooMuch
        ? { steps: [], left: [...mending.left, ...mending.steps.map(({ what }) => what)] }
        : mending;
      if (steps.length + left.length === 0) return;
      const failed = await this.#do(mendings < MENDINGS_MAX ? steps : [], serverId);
      signal.throwIfAborted();
      if (failed.length < steps.length) mendings++;
      if (left.length + failed.length === 0 && mendings <= MENDINGS_MAX) continue;
      const open = left.length + failed.length > 0 ? [...left, ...failed] : steps.map(({ what }) => what);
      const name = nameOf(open, found);
      if (noted.accept === name) {
        event('DEFINITIONS_ACCEPTED', `Opened with these differences, as ${file.path} says: ${named(open)}.`);
        return;
      }
      waiting(differs(found.node, open, file.path, name));
      await sleep(LOOK_AGAIN_MS, signal);
    }
  }

  /** To be called when the server is about to be opened. */
  async note(): Promise<void> {
    const control = this.#modules.control();
    const { known } = await this.#modules.file.load();
    await this.#modules.file.save({
      ...(known && { known }),
      tableIdMax: await control.tableIdMax(),
      openedAt: await control.now(),
    });
  }

  /**
   * On an open server: how objects are defined otherwise here than on a replica that has executed the log at least as far
   * as this server had when it was asked. DDL that is under way may be among it, so only what is found twice is a difference.
   * Null when it can not be told now.
   */
  async differences(): Promise<readonly KnownDifference[] | null> {
    // Locked by DDL that is under way: asked again later.
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
    const digests = await this.#ask(session, gtid, null);
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

  /** What is known durably before a crash is no work of the crash. */
  async know(names: readonly string[]): Promise<void> {
    const { file } = this.#modules;
    await file.save({ ...(await file.load()), known: [...names] });
  }

  /** Null when it can not be told (so many tables that the server takes too long): that is no reason to stay closed. */
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

  async #compare(gtid: string): Promise<Found> {
    const sessions = this.#modules.replicas();
    if (sessions.length === 0 && this.#modules.needsReplicas()) return 'nobody';
    const others = sessions.map(({ node }) => node).join(' and ');
    this.#modules.waiting(
      `The server died, perhaps in the middle of DDL. The node ${others === '' ? 'reads its definitions' : `compares its definitions with those of ${others}`}.`,
    );
    const failed = (node: string, reason: string) =>
      this.#modules.event('DEFINITIONS_UNKNOWN', `The definitions of ${node} could not be read: ${reason}`);
    const asked = sessions.map((session) => this.#ask(session, gtid, null, failed));
    const definitions = await this.#own();
    if (definitions === null) return 'not known';
    // Such a table is not level with the log, whoever else can not read it.
    const unreadable = unreadableObjects(definitions);
    const untold: Found =
      unreadable.length === 0
        ? 'not known'
        : { node: null, objects: unreadable, own: definitions, theirs: definitions };
    if (sessions.length === 0) return untold;
    const own = digestsOf(definitions);
    const isLevel = (answer?: Asked) =>
      typeof answer === 'object' && unreadable.length + differingObjects(own, answer).length === 0;
    const answers = await firstOrAll(asked, isLevel, OTHERS_WAIT_MS);
    if (answers.some(isLevel)) return 'level';
    const told = sessions.flatMap((session, i) => {
      const digests = answers[i];
      return typeof digests === 'object' ? [{ session, digests }] : [];
    });
    const [first] = told;
    // One that was cut off comes back, and may tell then.
    if (!first) return answers.every((answer) => answer === 'failed') ? untold : 'nobody';
    const digests = told.map((each) => each.digests);
    const objects = [...new Set([...differingFromAll(own, digests), ...unreadable])];
    const theirs = await this.#definitionsOf(first.session, gtid, objects, failed);
    if (theirs === null) return 'nobody';
    return { node: first.session.node, objects, own: definitions, theirs };
  }

  /** In pieces that fit into an answer. Null when it can not be told. */
  async #definitionsOf(
    session: ReplicaSession,
    gtid: string,
    objects: readonly string[],
    failed?: (node: string, reason: string) => void,
  ): Promise<Definitions | null> {
    const found = new Map<string, string>();
    for (let i = 0; i < objects.length; i += ASKED_MAX) {
      const some = await this.#ask(session, gtid, objects.slice(i, i + ASKED_MAX), failed);
      if (typeof some !== 'object') return null;
      for (const [object, text] of Object.entries(some)) found.set(object, text);
    }
    return found;
  }

  /** Once it has applied everything; its link ends when this role does. */
  #ask(
    session: ReplicaSession,
    gtid: string,
    objects: readonly string[] | null,
    failed: (node: string, reason: string) => void = () => {},
  ): Promise<Asked> {
    if (!this.#modules.replicas().includes(session)) return Promise.resolve('gone');
    const id = this.#asked++;
    return new Promise((resolve) => {
      const settle = (answer: Asked) => {
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

  /** Returns what could not be done, for people. */
  async #do(steps: readonly MendingStep[], serverId: number): Promise<string[]> {
    const { control, event } = this.#modules;
    const failed: string[] = [];
    // A client may read on a closed server; the locks of its transaction would keep the statements waiting.
    if (steps.length > 0) await control().closeSessions();
    for (const { sql, what, logged } of steps) {
      try {
        await control().execute(sql, logged ? { serverId } : {});
        const where = logged ? 'executed on all nodes' : 'executed on this server only, without logging it';
        event(
          'DEFINITIONS_MENDED',
          `The server had died in the middle of DDL. To make it agree with its log, this was ${where}: ${what}`,
        );
      } catch (error) {
        failed.push(`${what} (${messageOf(error)})`);
      }
    }
    return failed;
  }
}

/**
 * All of them; or what is there when the first has come that is enough, or some time after the first that says anything:
 * the others may be away for long.
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

/** What one of the others has in the same way is as the log says, whatever the rest have. */
function differingFromAll(own: DefinitionDigests, others: readonly DefinitionDigests[]): string[] {
  const [first, ...rest] = others.map((digests) => differingObjects(own, digests));
  return (first ?? []).filter((object) => rest.every((differing) => differing.includes(object)));
}

const UNCHECKED =
  'The server had died, perhaps in the middle of DDL, and its definitions could not be compared with a replica: ' +
  'opened without a comparison.';

/** Nothing has changed since. */
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

/** The same at every look, whatever names a try gives; another one for another difference of the same object. */
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
  const asItIs = `Or, to open with these differences, write {"accept":"${name}"} to ${path}.`;
  const look =
    "connect to this server's socket, and SET sql_log_bin = 0 first. The node checks every few seconds.";
  if (node === null)
    return (
      `The server died in the middle of DDL: ${named(differences)}. No replica could be asked. The primary stays closed, ` +
      `because acknowledged rows may be missing. DROP what is not needed: ${look} Rows come back from a dump. ${asItIs}`
    );
  return (
    `The server died in the middle of DDL and differs from its log, which ${node} has executed: ${named(differences)}. ` +
    `The primary stays closed, because writes to these objects would stop its replicas. Make them as they are on ${node}: ` +
    `${look} DROP a table that cannot be read, and load it from a dump of ${node}. ${asItIs}`
  );
}
