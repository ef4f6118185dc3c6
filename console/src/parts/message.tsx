import type { ComponentChildren } from 'preact';
import { httpLink } from '../state/members.js';
import { appliedText, type Problem } from '../state/problem.js';

interface MessageProps {
  readonly kind: 'bad' | 'caution' | 'note';
  readonly id?: string;
  readonly children: ComponentChildren;
}

export function Message({ kind, id, children }: MessageProps) {
  return (
    <p id={id} class={`message ${kind}`} role={kind === 'note' ? undefined : 'alert'}>
      {children}
    </p>
  );
}

/** A failure: what happened, whether something was changed, and where to go with it. */
export function ProblemMessage({ problem, id }: { problem: Problem; id?: string }) {
  const link = problem.text.includes(location.origin) ? null : httpLink(problem.primary);
  return (
    // What only has to be asked somewhere else is no failure.
    <Message kind={problem.status === 421 ? 'caution' : 'bad'} id={id}>
      {problem.code !== null && <code class="code">{problem.code}</code>}
      {[sentence(problem.text), appliedText(problem)].filter(Boolean).join(' ')}
      {link !== null && (
        <>
          {' '}
          <a href={link}>Open its page</a>.
        </>
      )}
    </Message>
  );
}

/** Errors of the server have no full stop. */
const sentence = (text: string): string => (/[\p{L}\d)]$/u.test(text) ? `${text}.` : text);
