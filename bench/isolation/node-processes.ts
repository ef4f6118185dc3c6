import { readdir, readFile } from 'node:fs/promises';
import type { NamedProcess } from '../throughput/process-figures.js';

export interface ProcessLine {
  readonly pid: number;
  readonly parent: number;
}

/**
 * Each node's processes, for a build that has several of them: all children are the node's, but for its server with its own.
 * Those of `n1.node` are named `n1.node`, `n1.node/4711` and so on.
 */
export async function withChildren(processes: readonly NamedProcess[]): Promise<NamedProcess[]> {
  const lines = await allProcesses();
  const known = new Set(processes.map(({ pid }) => pid));
  return processes.flatMap((root) => [
    root,
    ...descendantsOf(root.pid, lines, known).map((pid) => ({ name: `${root.name}/${pid}`, pid })),
  ]);
}

/** All below `root`, but not what is below another process of `known`. Pure. */
export function descendantsOf(
  root: number,
  lines: readonly ProcessLine[],
  known: ReadonlySet<number>,
): number[] {
  const found: number[] = [];
  collect(root);
  return found;

  function collect(parent: number): void {
    for (const line of lines) {
      if (line.parent !== parent || known.has(line.pid)) continue;
      found.push(line.pid);
      collect(line.pid);
    }
  }
}

async function allProcesses(): Promise<ProcessLine[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
      // The second field is the program's name in brackets, and may hold blanks.
      const parent = stat === null ? Number.NaN : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      return { pid: Number(pid), parent };
    }),
  );
  return lines.filter(({ parent }) => !Number.isNaN(parent));
}
