import { useState } from 'preact/hooks';
import { type Problem, problemOf } from '../state/problem.js';

export interface Action<T> {
  readonly busy: boolean;
  readonly done: T | null;
  readonly problem: Problem | null;
  /** Never rejects: what went wrong is in `problem`. */
  run(work: () => Promise<T>): Promise<void>;
}

/** One thing that a person asked for, until it is answered. */
export function useAction<T>(onProblem: (problem: Problem) => void): Action<T> {
  const [state, setState] = useState<Omit<Action<T>, 'run'>>({ busy: false, done: null, problem: null });
  const run = async (work: () => Promise<T>) => {
    setState({ busy: true, done: null, problem: null });
    try {
      setState({ busy: false, done: await work(), problem: null });
    } catch (error) {
      const problem = problemOf(error);
      setState({ busy: false, done: null, problem });
      onProblem(problem);
    }
  };
  return { ...state, run };
}
