/** How the editor looks: the colours are the page's own, which are inherited into its shadow tree. */
import { HighlightStyle } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export const theme = EditorView.theme({
  '&': {
    height: '100%',
    backgroundColor: 'var(--field)',
    color: 'var(--ink)',
    fontSize: '0.8125rem',
  },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-content': { padding: '0.6rem 0', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 0.7rem' },
  '.cm-gutters': {
    border: 'none',
    backgroundColor: 'var(--field)',
    color: 'var(--soft)',
  },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '2rem', padding: '0 0.2rem 0 0.6rem' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)', borderLeftWidth: '2px' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--selection)',
  },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'var(--selection)',
    color: 'inherit',
  },
  '.cm-placeholder': { color: 'var(--soft)' },
  '.cm-failed': { backgroundColor: 'var(--bad-paper)', boxShadow: 'inset 3px 0 0 var(--bad)' },
  '.cm-tooltip': {
    border: '1px solid var(--strong-line)',
    borderRadius: 'var(--round)',
    backgroundColor: 'var(--card)',
    color: 'var(--ink)',
    boxShadow: '0 6px 20px rgb(0 0 0 / 18%)',
    overflow: 'hidden',
  },
  // High enough for all that are drawn: a list that scrolls would have to take the focus.
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'var(--mono)',
    fontSize: '0.8125rem',
    maxHeight: '26em',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '0.15rem 0.5rem' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--accent)',
    color: 'var(--accent-ink)',
  },
  '.cm-completionIcon': { display: 'none' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-completionDetail': { marginLeft: '1rem', fontStyle: 'normal', opacity: '0.8' },
});

export const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: 'var(--sql-keyword)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--sql-text)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--sql-number)' },
  { tag: [tags.lineComment, tags.blockComment], color: 'var(--soft)', fontStyle: 'italic' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--sql-type)' },
]);
