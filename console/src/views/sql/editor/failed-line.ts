/** Marks the line at which the server found an error, until the text changes. */
import { StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView } from '@codemirror/view';

const setFailedLine = StateEffect.define<number | null>();
const failed = Decoration.line({ class: 'cm-failed' });

export const failedLine = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, { state, effects, docChanged }) {
    for (const effect of effects) {
      if (!effect.is(setFailedLine)) continue;
      const { value } = effect;
      if (value === null || value > state.doc.lines) return Decoration.none;
      return Decoration.set([failed.range(state.doc.line(value).from)]);
    }
    return docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Null: no line. */
export function markFailedLine(view: EditorView, line: number | null): void {
  const isThere = line !== null && line <= view.state.doc.lines;
  view.dispatch({
    effects: [
      setFailedLine.of(line),
      ...(isThere ? [EditorView.scrollIntoView(view.state.doc.line(line).from)] : []),
    ],
  });
}
