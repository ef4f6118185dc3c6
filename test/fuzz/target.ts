import type { Random } from '../kit/random.js';

/** Something that takes foreign input. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs that are under way at a time. */
  readonly parallel: number;
  /** One input, made from these random numbers alone. @throws when the answer is wrong; the watch sees what hangs or dies */
  run(random: Random): Promise<void>;
}

export interface FuzzResult {
  readonly cases: number;
  /** Number of the case, and what was wrong. */
  readonly faults: readonly string[];
}

export interface FuzzBudget {
  readonly durationMs: number;
  readonly seed: number;
  /** First case; with `cases` a single one is played again. */
  readonly from?: number;
  readonly cases?: number;
}

/** One that takes longer is a fault, whatever it answers in the end; beside busy cores an ordinary one takes seconds. */
const CASE_DEADLINE_MS = 20_000;
const FAULTS_MAX = 5;

/** Runs cases until the time is over. Case i of a seed is always the same input. */
export async function fuzz(
  target: FuzzTarget,
  budget: FuzzBudget,
  randomOf: (seed: number) => Random,
): Promise<FuzzResult> {
  const { durationMs, seed, from = 0, cases = Number.POSITIVE_INFINITY } = budget;
  const ends = performance.now() + durationMs;
  const faults: string[] = [];
  let next = from;
  const worker = async () => {
    while (next < from + cases && performance.now() < ends && faults.length < FAULTS_MAX) {
      const number = next++;
      const begun = performance.now();
      try {
        await withDeadline(target.run(randomOf(seed + number)));
      } catch (error) {
        const tookMs = Math.round(performance.now() - begun);
        faults.push(`case ${number} of seed ${seed}, after ${tookMs} ms: ${(error as Error).stack}`);
      }
    }
  };
  await Promise.all(Array.from({ length: target.parallel }, worker));
  return { cases: next - from, faults };
}

async function withDeadline(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${CASE_DEADLINE_MS} ms`)), CASE_DEADLINE_MS);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
