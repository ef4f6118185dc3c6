import type { PlanNode } from '../../state/sql/plan.js';

/** A step of a plan, with those that it is made of below. */
export function PlanTree({ node }: { node: PlanNode }) {
  const { title, facts, warnings, children } = node;
  return (
    <li>
      <strong>{title}</strong>
      {facts.length > 0 && (
        <dl>
          {facts.map(({ name, value }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {warnings.map((warning) => (
        <p key={warning} class="warn">
          {warning}
        </p>
      ))}
      {children.length > 0 && (
        <ul>
          {children.map((child, at) => (
            <PlanTree key={at} node={child} />
          ))}
        </ul>
      )}
    </li>
  );
}
