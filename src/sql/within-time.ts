/** The time of a request, and the refusals that come before its work. */

import { ApiError, type ErrorContext, notOpen, toApiError } from '../api/api-error.js';
import type { NodeView } from '../api/node-view.js';
import type { TokenRole } from '../auth/token.js';
import { Cancellation } from '../std/cancellation.js';

interface TimedCaller {
  readonly role: TokenRole;
  /** Ends when the client has gone away. */
  readonly gone: Cancellation;
}

interface TimeModules {
  readonly node: NodeView;
  /** Ends when the node stops. */
  readonly stopping: Cancellation;
}

/**
 * Runs `work` with a Cancellation that is cancelled when the request's time is over, when the node stops, and, for
 * what only reads, when the client goes away. If that is so already, `notBegun` is called in place of `work`.
 * @throws ApiError
 */
export async function withinTime<T>(
  timeoutMs: number,
  caller: TimedCaller,
  { readOnly, modules, notBegun }: { readOnly: boolean; modules: TimeModules; notBegun?: () => void },
  work: (over: Cancellation) => Promise<T>,
): Promise<T> {
  const over = new Cancellation();
  const stop = () => over.cancel();
  const timer = setTimeout(stop, timeoutMs);
  modules.stopping.on(stop);
  if (readOnly) caller.gone.on(stop);
  try {
    if (over.cancelled) {
      notBegun?.();
      throw overBeforehand();
    }
    return await work(over);
  } catch (error) {
    throw toApiError(error, errorContext(modules.node, caller.role));
  } finally {
    clearTimeout(timer);
    caller.gone.off(stop);
    modules.stopping.off(stop);
  }
}

function overBeforehand(): ApiError {
  return new ApiError(504, 'TIMEOUT', 'The node stops, or the client has gone; nothing was begun.', {
    applied: 'no',
    retryable: true,
  });
}

export function requireOpen(node: NodeView): void {
  const openness = node.isOpen();
  if (!openness.open) throw notOpen(openness, node.primaryHttp());
}

export function errorContext(node: NodeView, tokenRole: TokenRole): ErrorContext {
  return {
    tokenRole,
    primaryHttp: node.primaryHttp(),
    isPrimary: node.role() === 'primary',
    isOpen: node.isOpen().open,
    errors: node.flavour.errors,
  };
}
