import { join } from 'node:path';
import { positionAt, positionOf } from '../../flavour/history.js';
import {
  type DefinitionDigests,
  type Definitions,
  differingObjects,
  digestsOf,
} from '../../model/definitions.js';
import { SkeinError } from '../../model/error.js';
import { doubtsOf, type FormerFacts, formerDifferences } from '../../mysql-control/former-definitions.js';
import { hasXaSince } from '../../source/dead-xa.js';
import { monotonicMs } from '../../std/clock.js';
import { sleep } from '../../std/timing.js';
import type { DefinitionsReply } from '../../wire/messages.js';
import { settleFormer } from '../former-recovery.js';
import { definitionsFile } from '../primary/definitions-file.js';
import type { NodeParts } from '../role-node.js';
import { xaFile } from '../xa-file.js';
import { ddlSince } from './ddl-since.js';
import { linkEnded } from './primary-definitions.js';

/**
 * Finds out whether a server that died while it was open as the primary has exactly the data that its log describes. Then it can go
 * on as a replica's server from the end of its log, and need not be filled (rule E4).
 */
export interface FormerProofModules {
  /** See PrimaryDefinitions. */
  ask(objects: readonly string[] | null): Promise<DefinitionsReply>;
  /** The link on which this began is still up. */
  follows(): boolean;
  /** Runs what changes the server or the mark; the node's role ends only after it. @throws the signal's reason */
  change<T>(work: () => Promise<T>): Promise<T>;
  readonly signal: AbortSignal;
}

export type FormerProof =
  /** It stands at this ordinal, and has what the log has up to there. */
  | { readonly kind: 'equal'; readonly ordinal: number }
  /** That cannot be shown: it has to be filled. The reason is for people. */
  | { readonly kind: 'unproven'; readonly reason: string };

/** DDL that is under way on the primary looks like a difference; it is over, or in the log, when the primary is asked again. */
const ROUNDS = 3;
const ROUND_PAUSE_MS = 500;
const POLL_MS = 20;
const ASK_PAUSE_MS = 100;
/** For a primary that is not open yet. Other nodes can be copied meanwhile. */
const ANSWER_MAX_MS = 60_000;
/** More differences than this do not come from one interrupted statement. Also the limit of one question. */
const OBJECTS_MAX = 100;
const NAMED_MAX = 5;

/** @throws SkeinError LINK_ENDED: it can be tried again when the link is up */
export async function proveFormer(parts: NodeParts, modules: FormerProofModules): Promise<FormerProof> {
  const { openMark, control, flavour, chainFile } = parts;
  const dataDir = join(parts.config.directory, 'data');
  if (openMark.doubt !== null) return unproven(openMark.doubt);
  if ((await control().replicaStatus()) !== null) return unproven('it has replicated since then');
  // Before the log may begin again.
  if (await mayHaveXa(parts, dataDir, modules.signal))
    return unproven('its log or its engine has XA transactions');
  const nameOf = (ordinal: number) => positionAt(chainFile.chain, ordinal, flavour).gtid;
  const settled = await modules.change(() => settleFormer({ ...parts, dataDir }, nameOf));
  if (settled.kind === 'seed') return unproven(settled.reason);
  const { ordinal } = positionOf(chainFile.chain, settled.position, flavour);
  const facts = await factsOf(parts);
  if (facts === null) return unproven('nothing was noted of its tables when it was opened');
  const own = await control().definitions();
  const doubts = doubtsOf(own, facts);
  if (doubts.length > 0) return unproven(named(doubts));
  const differs = await compare(own, { facts, ordinal }, parts, modules);
  return differs === null ? { kind: 'equal', ordinal } : unproven(differs);
}

/** After a crash, some ends of branches are in the log and not in the engine, or the other way round, and nothing tells which. */
async function mayHaveXa(
  { config, control, flavour }: NodeParts,
  dataDir: string,
  signal: AbortSignal,
): Promise<boolean> {
  const noted = await xaFile(join(config.directory, 'state')).load();
  if (noted.branches.length + noted.ending.length > 0) return true;
  if ((await control().preparedBranches()).length > 0) return true;
  return hasXaSince(dataDir, { after: noted.at.ordinal, flavour, signal });
}

/** Null: nothing was noted at the opening. */
async function factsOf({ config, control }: NodeParts): Promise<FormerFacts | null> {
  const { tableIdMax, partitions } = await definitionsFile(join(config.directory, 'state')).load();
  if (tableIdMax === undefined || partitions === undefined) return null;
  return {
    remade: await control().madeSince(tableIdMax),
    samePartitions: (await control().partitionIds()) === partitions,
  };
}

/** Compares with the primary, which has executed this log and more. Returns why they are not equal; null = they are. */
async function compare(
  own: Definitions,
  { facts, ordinal }: { facts: FormerFacts; ordinal: number },
  { spool, flavour }: NodeParts,
  { ask, follows, signal }: Pick<FormerProofModules, 'ask' | 'follows' | 'signal'>,
): Promise<string | null> {
  let found: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) await sleep(ROUND_PAUSE_MS, signal);
    const all = await answerOf(null, ask, signal);
    const objects = differingObjects(digestsOf(own), all.definitions as DefinitionDigests);
    if (objects.length > OBJECTS_MAX) return `${objects.length} objects differ from those of the primary`;
    const some = objects.length === 0 ? all : await answerOf(objects, ask, signal);
    const theirs = new Map(Object.entries(some.definitions));
    found = formerDifferences(objects, { own, theirs }, facts);
    const until = Math.max(all.ordinal ?? 0, some.ordinal ?? 0);
    while (spool.durable.ordinal < until) {
      if (!follows()) throw linkEnded();
      await sleep(POLL_MS, signal);
    }
    // Another primary's log may have other transactions under these numbers.
    if (!follows()) throw linkEnded();
    if (spool.begin > ordinal + 1) return `the log of this node begins behind number ${ordinal}`;
    const ddl = await ddlSince({ after: ordinal, until }, { spool, flavour });
    if (ddl !== null)
      return `DDL has been executed since then (number ${ddl}), so its definitions cannot be compared`;
    if (found.length === 0) return null;
  }
  return named(found);
}

/** @throws SkeinError LINK_ENDED, NO_ANSWER */
async function answerOf(
  objects: readonly string[] | null,
  ask: FormerProofModules['ask'],
  signal: AbortSignal,
): Promise<DefinitionsReply> {
  const deadlineMs = monotonicMs() + ANSWER_MAX_MS;
  for (;;) {
    const reply = await ask(objects);
    if (reply.failed === null) return reply;
    if (monotonicMs() > deadlineMs)
      throw new SkeinError('NO_ANSWER', `The primary could not tell its definitions: ${reply.failed}`);
    await sleep(ASK_PAUSE_MS, signal);
  }
}

const unproven = (reason: string): FormerProof => ({ kind: 'unproven', reason });

function named(found: readonly string[]): string {
  const more = found.length - NAMED_MAX;
  return `${found.slice(0, NAMED_MAX).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
