import { finished } from 'node:stream/promises';
import { ApiError, notOpen } from '../../api/api-error.js';
import { isSkeinError, messageOf } from '../../model/error.js';
import { pipeUntilStalled } from '../stalled-pipe.js';
import type { Handler, HandlerModules } from './context.js';

/** Nodes that are copied now (tests have several in one process). One at a time: each reads all data of the server. */
const running = new WeakSet<HandlerModules['openStreams']>();

export const handleBackup: Handler = async (request, { node, openStreams }) => {
  const openness = node.isOpen();
  if (!openness.open && openness.code === 'WITNESS') throw notOpen(openness, node.primaryHttp());
  if (node.server() === null) {
    throw new ApiError(503, 'SERVER_DOWN', 'The database server beside the node is down.', {
      retryable: true,
    });
  }
  // A backup is a read of everything: what no client may read may be another history, or half of one.
  if (!openness.open && openness.code === 'NOT_OPEN') {
    throw new ApiError(503, 'NOT_OPEN', `This node cannot be copied now. ${openness.reason}`, {
      retryable: true,
    });
  }
  if (running.has(openStreams)) {
    throw new ApiError(503, 'NODE_BUSY', 'A backup of this node is being made already.', { retryable: true });
  }
  running.add(openStreams);
  const end = new AbortController();
  const stop = () => end.abort();
  openStreams.add(stop);
  request.gone.on(stop);
  try {
    const bytes = await node.backup(end.signal).catch((error: unknown) => {
      const reason = isSkeinError(error) ? error.message : messageOf(error);
      throw new ApiError(500, 'BACKUP_FAILED', `The backup could not be made: ${reason}`);
    });
    const response = request.openStream(200, { 'content-type': 'application/octet-stream' });
    // Without a reader the backup would never end, and would block the next one.
    const close = () => bytes.destroy();
    response.once('close', close);
    end.signal.addEventListener('abort', close, { once: true });
    if (end.signal.aborted) close();
    pipeUntilStalled(bytes, response);
    // The last part of the file says whether it is whole: a failure after this line is in the file.
    const failed = await finished(bytes).then(
      () => null,
      (error: unknown) => messageOf(error),
    );
    return {
      kind: 'sent',
      facts: failed === null ? {} : { outcome: 'BACKUP_FAILED', reason: failed },
      finish: () => (failed === null ? response.end() : response.destroy()),
    };
  } finally {
    running.delete(openStreams);
    openStreams.delete(stop);
    request.gone.off(stop);
  }
};
