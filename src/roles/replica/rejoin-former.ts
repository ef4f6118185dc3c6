import { join } from 'node:path';
import { isInHistory, positionAt, positionOf } from '../../flavour/history.js';
import { isSkeinError, messageOf } from '../../model/error.js';
import { monotonicMs } from '../../std/clock.js';
import { durationText } from '../../std/duration-text.js';
import { sleep } from '../../std/timing.js';
import type { LocalServerUp } from '../local-server.js';
import type { NodeParts } from '../role-node.js';
import { xaFile } from '../xa-file.js';
import { type FormerProofModules, proveFormer } from './former-proof.js';

export type Rejoined =
  /** The server is a replica's. `hasDied`: it has recovered from its death since it was open. */
  | { readonly kind: 'replica'; readonly hasDied: boolean }
  /** It is being filled from another node, or started again. */
  | { readonly kind: 'replaced' }
  /** The link to the primary, or the server, has ended: it is tried again when that is up. `closedAt`: see RejoinModules. */
  | { readonly kind: 'later'; readonly closedAt?: string };

export interface RejoinModules extends FormerProofModules {
  /** What the primary has said to be committed; null = nothing yet. */
  committed(): number | null;
  /**
   * The end of the server's log, when an earlier try has closed it in order and it has not ended since: its data is what its log says.
   * Null = there was none.
   */
  readonly closedAt: string | null;
}

/**
 * Makes a replica of a server that was open as the primary of an older epoch, on a node that follows another primary now. One that was
 * closed in order keeps its data: the endpoint compares its position with the log (rule H10). One that died meanwhile may have done
 * DDL that is in no log: it keeps its data when it is found equal to its log, and is filled from another node otherwise (rule E4).
 */
export async function rejoinFormer(
  up: LocalServerUp,
  parts: NodeParts,
  modules: RejoinModules,
): Promise<Rejoined> {
  const { config, control, events, kill, newServerId, openMark } = parts;
  // A server that is still open has not ended since. Of one that was adopted closed, nothing is known.
  const hasDied =
    modules.closedAt === null && (up.adopted ? (await control().status()).readOnly : up.crashed);
  if (hasDied) return await rejoinDead(up, parts, modules);
  try {
    const close = async () => {
      await control().closeForWrites();
      const { gtidBinlogPos } = await control().status();
      await control().becomeReplica({ serverId: await newServerId(), position: gtidBinlogPos });
      return gtidBinlogPos;
    };
    const end = modules.closedAt ?? (await modules.change(close));
    if (!(await untilCommitted(end, parts, modules))) return { kind: 'later', closedAt: end };
    await modules.change(() => openMark.clear());
    return { kind: 'replica', hasDied };
  } catch (error) {
    modules.signal.throwIfAborted();
    if (isSkeinError(error, 'SERVER_DOWN')) return { kind: 'later' };
    const reason = `the server was open as the primary of epoch ${openMark.epoch}, and cannot be closed in order (${messageOf(error)})`;
    events.add('fence', config.name, `The node kills the server and starts it again: ${reason}.`);
    await kill(reason);
    return { kind: 'replaced' };
  }
}

const COMMITTED_POLL_MS = 20;

/**
 * With `async`, or after a killed commit, the server may have what the cluster's log has and no majority yet. Nobody reads that before
 * (rule H9). A server that has something else does not wait: the endpoint finds that. False: the link has ended.
 */
async function untilCommitted(
  gtid: string,
  { flavour, chainFile }: NodeParts,
  { committed, follows, signal }: RejoinModules,
): Promise<boolean> {
  for (;;) {
    // What another primary says is of its own log.
    if (!follows()) return false;
    const { chain } = chainFile;
    if (!isInHistory(chain, gtid, flavour)) return true;
    if ((committed() ?? 0) >= positionOf(chain, gtid, flavour).ordinal) return true;
    await sleep(COMMITTED_POLL_MS, signal);
  }
}

async function rejoinDead(
  up: LocalServerUp,
  parts: NodeParts,
  modules: FormerProofModules,
): Promise<Rejoined> {
  const { config, events, openMark, flavour, chainFile, seeding } = parts;
  const { epoch } = openMark;
  const beganMs = monotonicMs();
  let reason: string;
  try {
    const proof = await proveFormer(parts, modules);
    if (proof.kind === 'equal') {
      const { ordinal } = proof;
      const at = positionAt(chainFile.chain, ordinal, flavour);
      await modules.change(async () => {
        await xaFile(join(config.directory, 'state')).save({ at, branches: [], ending: [] });
        await openMark.clear();
      });
      const text = `Its server died as the primary of epoch ${epoch} and is a replica's again, without being filled: it was found equal to its log up to number ${ordinal} in ${durationText(monotonicMs() - beganMs)}.`;
      events.add('role.changed', config.name, text, { code: 'REJOINED' });
      return { kind: 'replica', hasDied: true };
    }
    reason = proof.reason;
  } catch (error) {
    modules.signal.throwIfAborted();
    // What a server that ends meanwhile answers says nothing of its data. It was killed when the role ended, for instance.
    if (isSkeinError(error, 'LINK_ENDED') || !(await answers(parts))) return { kind: 'later' };
    reason = `it could not be compared with the primary's: ${messageOf(error)}`;
  }
  const text = `The server of this node died while it was open as the primary of epoch ${epoch}, and another node has taken over. It cannot be shown that its data is what its log says: ${reason}.`;
  const refused = seeding.need({
    cause: 'former-primary',
    reason: text,
    closes: true,
    // Another start of the server is another trouble: a snapshot on which no server started may be followed by a good one.
    trouble: `former primary of epoch ${epoch}, process ${up.pid}`,
  });
  if (refused !== null)
    events.add('replication.error', config.name, `${text} ${refused}`, { code: 'SEED_REPEATED' });
  return { kind: 'replaced' };
}

async function answers({ control }: NodeParts): Promise<boolean> {
  try {
    await control().status();
    return true;
  } catch {
    return false;
  }
}
