import { readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';

/** Time that was spent in one function itself, not in what it called. */
export interface SelfTime {
  /** `append (spool/spool.js:120)`; `(program)` and the like are V8's own. */
  readonly name: string;
  readonly ms: number;
}

export interface ProfileSummary {
  readonly totalMs: number;
  readonly busyMs: number;
  /** Most expensive first. What is Node.js's own names the function of ours that asked for it: `writev < flush (...)`. */
  readonly functions: readonly SelfTime[];
  /** The same with everything of Node.js counted to the function of ours that asked for it. */
  readonly callers: readonly SelfTime[];
  /** The same by the first directory below dist. */
  readonly rooms: readonly SelfTime[];
}

type Frame = Profiler.ProfileNode['callFrame'];

/** The process had nothing to do. */
const IDLE = '(idle)';

export function summarise(file: string): ProfileSummary {
  const { nodes, samples = [], timeDeltas = [] } = JSON.parse(readFileSync(file, 'utf8')) as Profiler.Profile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const functions = new Map<string, number>();
  const callers = new Map<string, number>();
  const rooms = new Map<string, number>();
  let totalMs = 0;
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id);
    if (!frame) continue;
    // The time until the next sample is spent in this one.
    const ms = (timeDeltas[at + 1] ?? 0) / 1000;
    totalMs += ms;
    if (frame.functionName === IDLE) continue;
    const owner = ownerOf(id);
    add(
      functions,
      owner === frame || owner === null ? nameOf(frame) : `${nameOf(frame)} < ${nameOf(owner)}`,
      ms,
    );
    add(callers, nameOf(owner ?? frame), ms);
    add(rooms, owner ? roomOf(owner) : isV8s(frame) ? frame.functionName : "Node.js's own", ms);
  }
  const busyMs = [...rooms.values()].reduce((sum, ms) => sum + ms, 0);
  return { totalMs, busyMs, functions: sorted(functions), callers: sorted(callers), rooms: sorted(rooms) };

  /** The nearest function of ours or of a package; null for what the event loop does by itself. */
  function ownerOf(id: number): Frame | null {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      if (frame?.url.startsWith('file:')) return frame;
    }
    return null;
  }
}

const isV8s = ({ functionName }: Frame) => functionName.startsWith('(');

function nameOf({ functionName, url, lineNumber }: Frame): string {
  const place = placeOf(url);
  return `${functionName || '(anonymous)'}${place === '' ? '' : ` (${place}:${lineNumber + 1})`}`;
}

function placeOf(url: string): string {
  return url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/(dist|node_modules)\//, (_, root) => (root === 'dist' ? '' : 'npm:'));
}

const roomOf = (frame: Frame) => placeOf(frame.url).split('/')[0] ?? '';

function add(sums: Map<string, number>, name: string, ms: number): void {
  sums.set(name, (sums.get(name) ?? 0) + ms);
}

function sorted(sums: ReadonlyMap<string, number>): SelfTime[] {
  return [...sums].map(([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms);
}
