import { once } from 'node:events';
import { ApiError } from '../../api/api-error.js';
import { startDump } from '../dump-process.js';
import { pipeUntilStalled } from '../stalled-pipe.js';
import type { Handler, HandlerModules } from './context.js';

/** Each reads the whole server, and holds its old row versions as long as it runs. */
const DUMPS_MAX = 2;
const SYSTEM = "('mysql', 'sys', 'skein', 'information_schema', 'performance_schema')";

/** Dumps that are running, for each node (tests have several in one process). */
const running = new WeakMap<HandlerModules['openStreams'], number>();

export const handleDump: Handler = async (request, modules) => {
  const { systemTable, openStreams } = modules;
  const wanted = request.query.database as string | undefined;
  const rows = await systemTable.reader.query(
    `SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name NOT IN ${SYSTEM} ORDER BY schema_name`,
  );
  const all = rows.map(({ name }) => String(name));
  const databases = wanted === undefined ? all : all.filter((name) => name === wanted);
  if (databases.length === 0) {
    const what = wanted === undefined ? 'There is no database' : `There is no database "${wanted}"`;
    throw new ApiError(404, 'NOT_FOUND', `${what} on this node.`);
  }
  const count = running.get(openStreams) ?? 0;
  if (count >= DUMPS_MAX) {
    throw new ApiError(503, 'SERVER_BUSY', `${count} dumps are being made on this node already.`, {
      retryable: true,
    });
  }
  const dump = startDump(systemTable.access(), databases, {
    ...{ bare: wanted !== undefined, dumpArgs: modules.node.flavour.program.dumpArgs },
  });
  // Also before the first byte: without a reader the program would wait forever.
  request.gone.on(dump.kill);
  running.set(openStreams, count + 1);
  openStreams.add(dump.kill);
  void dump.ended.then(() => {
    running.set(openStreams, (running.get(openStreams) ?? 1) - 1);
    openStreams.delete(dump.kill);
  });
  // A failure before the first byte is answered as an ordinary error.
  const first = await Promise.race([once(dump.output, 'readable').then(() => null), dump.ended]);
  if (first !== null) throw new ApiError(500, 'DUMP_FAILED', `The dump could not be made: ${first}`);
  const response = request.openStream(200, { 'content-type': 'application/sql; charset=utf-8' });
  pipeUntilStalled(dump.output, response);
  const failed = await dump.ended;
  // A client detects an incomplete answer by the missing end of the body, or by the missing last line.
  if (failed === null)
    return { kind: 'sent', facts: { databases: databases.length }, finish: () => response.end() };
  return {
    kind: 'sent',
    facts: { databases: databases.length, outcome: 'DUMP_FAILED', reason: failed },
    finish: () => response.destroy(),
  };
};
