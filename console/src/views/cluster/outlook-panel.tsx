import type { ClusterStatus } from '../../../../client/src/index.js';
import { outlookOf } from '../../state/status.js';

export function OutlookPanel({ status }: { status: ClusterStatus }) {
  const outlook = outlookOf(status);
  if (outlook === null) return null;
  const { tone, title, text, against, last } = outlook;
  return (
    <section id="outlook" class="panel outlook" aria-labelledby="outlook-title">
      <h3 id="outlook-title">{title}</h3>
      <p class={`verdict ${tone}`}>{text}</p>
      {against.length > 0 && (
        <>
          <h4>What stands against it</h4>
          <ul class="against">
            {against.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </>
      )}
      {last !== null && (
        <>
          <h4>
            Last failover <time class="hint">{last.at.slice(0, 19).replace('T', ' ')}</time>
          </h4>
          <p>{last.text}.</p>
          <p class="hint">{last.reason}</p>
        </>
      )}
    </section>
  );
}
