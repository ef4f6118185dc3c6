const QUOTED = /'((?:[^']|'')*)'/gy;

/** The values of a column that is declared as `enum('a','it''s')`; null: it is no such column. Pure. */
export function enumChoices(declared: string): readonly string[] | null {
  const inside = /^enum\((.*)\)$/is.exec(declared)?.[1];
  if (inside === undefined) return null;
  const choices: string[] = [];
  for (let at = 0; at < inside.length; at++) {
    QUOTED.lastIndex = at;
    const match = QUOTED.exec(inside);
    if (match === null) return null;
    choices.push((match[1] as string).replaceAll("''", "'"));
    // Behind it stands a comma, or nothing.
    at = QUOTED.lastIndex;
  }
  return choices;
}
