import type { Flavour } from '../../flavour/flavour.js';
import { definitionsOf } from '../../model/definitions.js';
import { isSkeinError, messageOf } from '../../model/error.js';
import { monotonicMs } from '../../std/clock.js';
import { sleep } from '../../std/timing.js';
import type { DefinitionsQuery, DefinitionsReply } from '../../wire/messages.js';
import type { LocalControl } from '../local-server.js';
import type { ReplicaChecks } from './replica-checks.js';

/** A server that is down, or whose applier has stopped, and that executes nothing for this long, will not reach the position. */
const APPLY_STALL_MS = 10_000;
const POLL_MS = 1_000;

export interface DefinitionsAnswerModules {
  readonly flavour: Pick<Flavour, 'countOf'>;
  readonly checks: ReplicaChecks;
  control(): LocalControl;
  /** The server was taken over, and replicates from this node. */
  follows(): boolean;
}

/**
 * Answers the primary: how this replica's server defines its objects after it has executed everything up to `gtid`. Never
 * rejects.
 */
export async function answerDefinitions(
  { id, gtid, objects }: DefinitionsQuery,
  modules: DefinitionsAnswerModules,
): Promise<DefinitionsReply> {
  const { checks } = modules;
  const failed = (reason: string): DefinitionsReply => ({ id, definitions: {}, failed: reason });
  try {
    if (checks.closed) return failed(checks.closed);
    if (!(await reaches(modules.flavour.countOf(gtid), modules)))
      return failed(
        `The server did not reach ${gtid} in time: it has applied up to ${checks.applied.gtid || 'nothing'}.`,
      );
    const definitions = definitionsOf(await modules.control().definitions(), objects);
    return { id, definitions, failed: null };
  } catch (error) {
    return failed(messageOf(error));
  }
}

/** Resolves with true once the server has executed everything up to `ordinal`, with false when it is not expected to. */
async function reaches(
  ordinal: number,
  { checks, control, follows }: DefinitionsAnswerModules,
): Promise<boolean> {
  const server = control();
  let applied = checks.applied.ordinal;
  let movedAtMs = monotonicMs();
  for (;;) {
    const found = await lookAt(ordinal, server);
    if (found === 'reached') return true;
    // A long statement, or a server that was just started, gets there. A server whose threads have stopped may not.
    const moves = checks.applied.ordinal > applied || !follows() || checks.isRunning();
    if (found === 'behind' && moves) movedAtMs = monotonicMs();
    applied = checks.applied.ordinal;
    if (monotonicMs() - movedAtMs > APPLY_STALL_MS) return false;
  }
}

async function lookAt(ordinal: number, server: LocalControl): Promise<'reached' | 'behind' | 'down'> {
  try {
    return (await server.waitApplied(ordinal, POLL_MS)) ? 'reached' : 'behind';
  } catch (error) {
    if (!isSkeinError(error, 'SERVER_DOWN')) throw error;
    await sleep(POLL_MS);
    return 'down';
  }
}
