/** Completes names of databases, tables and columns as the cluster has them now. */
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import type { KnownNames } from '../../../api/use-known-names.js';
import { type NameWord, namesFor, wordBefore } from '../../../state/sql/names-here.js';

const RANKS: Readonly<Record<NameWord['kind'], number>> = { column: 3, table: 2, database: 1 };

/** `known`: asked each time, because it changes while the editor stays. */
export function completeNames(known: () => KnownNames) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const { state, pos } = context;
    const before = wordBefore(state.sliceDoc(Math.max(0, pos - 300), pos));
    if (!context.explicit && before.path.length === 0 && before.word === '') return null;
    const words = await namesFor({ sql: state.doc.toString(), position: pos, before }, known());
    if (words.length === 0 || context.aborted) return null;
    return {
      from: pos - before.word.length,
      options: words.map(completionOf),
      validFor: /^`?[\p{L}\d_$]*$/u,
    };
  };
}

const completionOf = ({ apply, kind, detail }: NameWord): Completion => ({
  label: apply,
  type: kind,
  detail,
  boost: RANKS[kind],
});
