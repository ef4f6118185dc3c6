/** The parts of CodeMirror that the editor is made of. */
import {
  acceptCompletion,
  autocompletion,
  type Completion,
  type CompletionSource,
  closeCompletion,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { keywordCompletionSource, MariaSQL } from '@codemirror/lang-sql';
import { bracketMatching, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { EditorState, type Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  placeholder,
} from '@codemirror/view';
import { failedLine } from './failed-line.js';
import { colours, theme } from './theme.js';

export interface EditorActions {
  onChange(text: string): void;
  onRun(): void;
  onRunAll(): void;
}

export function extensions(
  names: CompletionSource,
  descriptionId: string,
  actions: EditorActions,
): Extension {
  const run = (action: () => void) => (view: EditorView) => {
    closeCompletion(view);
    action();
    return true;
  };
  return [
    // Before the others: Enter with Ctrl is a line of its own otherwise.
    keymap.of([
      { key: 'Mod-Enter', run: run(actions.onRun) },
      { key: 'Shift-Mod-Enter', run: run(actions.onRunAll) },
      { key: 'Tab', run: acceptCompletion },
    ]),
    lineNumbers(),
    highlightActiveLineGutter(),
    history(),
    drawSelection(),
    EditorState.allowMultipleSelections.of(false),
    indentUnit.of('  '),
    bracketMatching(),
    MariaSQL.extension,
    autocompletion({
      override: [names, keywordCompletionSource(MariaSQL, true, keyword)],
      icons: false,
      filterStrict: true,
      maxRenderedOptions: 12,
    }),
    // After Escape the next Tab leaves the editor, as the description says.
    keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
    syntaxHighlighting(colours),
    theme,
    failedLine,
    placeholder('SELECT VERSION()'),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({
      'aria-label': 'Statement',
      'aria-describedby': descriptionId,
      autocapitalize: 'off',
      spellcheck: 'false',
    }),
    EditorView.domEventHandlers({ beforeinput: typeOver }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) actions.onChange(update.state.doc.toString());
    }),
  ];
}

/** Those that most statements are made of come before the many others. */
const COMMON = new Set(
  'SELECT FROM WHERE JOIN LEFT ON GROUP ORDER BY HAVING LIMIT INSERT INTO VALUES UPDATE SET DELETE CREATE TABLE ALTER DROP SHOW EXPLAIN DESCRIBE USE AND OR NOT NULL IS IN LIKE BETWEEN AS DISTINCT'.split(
    ' ',
  ),
);

const keyword = (label: string, type: string): Completion => ({
  label,
  type,
  boost: COMMON.has(label) ? 0 : -2,
});

/** Where a browser types over coloured text itself, it keeps the colour by an inline style, which the page's policy forbids. */
function typeOver(event: InputEvent, view: EditorView): boolean {
  const { data, inputType } = event;
  // The browser's own: the editor hears of a new selection a moment later. Some browsers tell it of a shadow tree only there.
  const root = view.root as ShadowRoot & Partial<Pick<Document, 'getSelection'>>;
  const over = root.getSelection?.() ?? document.getSelection();
  const { anchorNode, focusNode } = over ?? {};
  if (inputType !== 'insertText' || data === null || over === null || over.isCollapsed) return false;
  if (!(anchorNode && focusNode && view.contentDOM.contains(anchorNode))) return false;
  const ends = [view.posAtDOM(anchorNode, over.anchorOffset), view.posAtDOM(focusNode, over.focusOffset)];
  const from = Math.min(...ends);
  event.preventDefault();
  view.dispatch({
    changes: { from, to: Math.max(...ends), insert: data },
    selection: { anchor: from + data.length },
    userEvent: 'input.type',
    scrollIntoView: true,
  });
  return true;
}
