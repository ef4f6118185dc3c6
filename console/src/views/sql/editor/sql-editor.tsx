import { closeCompletion } from '@codemirror/autocomplete';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { KnownNames } from '../../../api/use-known-names.js';
import { completeNames } from './completion.js';
import { type EditorActions, extensions } from './extensions.js';
import { markFailedLine } from './failed-line.js';

const KEYS =
  'Ctrl and Enter run the statement under the cursor, or what is selected. Tab indents. To leave the editor, press Escape, then Tab.';
const DESCRIPTION_ID = 'keys';

/** What the view asks of the editor. */
export interface EditorHandle {
  text(): string;
  /** An empty selection is the cursor. */
  selection(): { readonly from: number; readonly to: number };
  /** Below what is there, and selects it: Run takes it then. */
  append(text: string): void;
  /** Null: no line. */
  markLine(line: number | null): void;
  /** Takes the offered names away; a button was pressed. */
  leave(): void;
}

interface SqlEditorProps extends EditorActions {
  readonly initial: string;
  readonly handle: RefObject<EditorHandle | null>;
  readonly names: KnownNames;
}

/**
 * It lives in a shadow tree: only there its library puts its styles into a constructed style sheet. In the page itself it would make
 * a style element, which the content security policy forbids.
 */
export function SqlEditor({ initial, handle, names, onChange, onRun, onRunAll }: SqlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const now = useRef({ names, onChange, onRun, onRunAll });
  now.current = { names, onChange, onRun, onRunAll };
  useEffect(() => {
    if (host.current === null) return;
    const view = makeEditor(host.current, initial, {
      known: () => now.current.names,
      onChange: (text) => now.current.onChange(text),
      onRun: () => now.current.onRun(),
      onRunAll: () => now.current.onRunAll(),
    });
    handle.current = handleOf(view);
    return () => view.destroy();
  }, []);
  return <div id="sql" class="editor" ref={host} />;
}

function makeEditor(
  host: HTMLElement,
  initial: string,
  { known, ...actions }: EditorActions & { known: () => KnownNames },
): EditorView {
  // A view that is drawn again finds its host anew, never an old shadow tree.
  const root = host.attachShadow({ mode: 'open', delegatesFocus: true });
  const description = root.appendChild(document.createElement('p'));
  description.id = DESCRIPTION_ID;
  description.hidden = true;
  description.textContent = KEYS;
  const state = EditorState.create({
    doc: initial,
    extensions: extensions(completeNames(known), DESCRIPTION_ID, actions),
  });
  return new EditorView({ state, parent: root, root });
}

const handleOf = (view: EditorView): EditorHandle => ({
  text: () => view.state.doc.toString(),
  selection: () => view.state.selection.main,
  append(text) {
    const { doc } = view.state;
    const gap = doc.toString().trim() === '' ? '' : `${doc.toString().trimEnd()}\n\n`;
    view.dispatch({
      changes: { from: 0, to: doc.length, insert: gap + text },
      selection: { anchor: gap.length, head: gap.length + text.length },
      scrollIntoView: true,
    });
    view.focus();
  },
  markLine: (line) => markFailedLine(view, line),
  leave: () => void closeCompletion(view),
});
