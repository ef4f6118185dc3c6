import { useSession } from '../../api/session.js';
import { Seconds } from '../../parts/seconds.js';
import { httpLink } from '../../state/members.js';

/** Says that what is on the page is old, and where else to look. */
export function Banner() {
  const { cluster, self, own } = useSession();
  const { problem, look } = cluster;
  const others = (look?.status.members ?? []).flatMap(({ name, http, state }) => {
    const link = name === self || state === 'gone' ? null : httpLink(http);
    return link === null ? [] : [{ name, link }];
  });
  return (
    <div id="connection" role="status">
      {problem === null && self !== own && (
        <p class="banner">
          <strong>{own === '' ? 'The node of this page' : own} does not answer.</strong> This page goes on
          through {self}, and comes back by itself.
        </p>
      )}
      {problem !== null && (
        <p class="banner">
          <strong>{problem.text}</strong>
          {look !== null && (
            <span>
              {' '}
              What you see is from <Seconds since={look.atMs} /> ago.
            </span>
          )}
          {problem.status === 0 && others.length > 0 && (
            <span>
              {' '}
              Other nodes:{' '}
              {others.map(({ name, link }) => (
                <a key={name} class="other" href={link}>
                  {name}
                </a>
              ))}
            </span>
          )}
        </p>
      )}
    </div>
  );
}
