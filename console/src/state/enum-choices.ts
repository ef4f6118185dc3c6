/** The values that a column may have, as its type declares them. Pure. */

const QUOTED = /'((?:[^']|'')*)'/gy;

/** Of a column that is declared as `enum('a','it''s')`; null: it is no such column. */
export const enumChoices = (declared: string): readonly string[] | null =>
  choicesOf(declared, /^enum\((.*)\)$/is);

/**
 * The members of a column that is declared as `set('a','b')`. Null: it is no such column; or one of its members is the empty text,
 * and then the server shows a value with it as it shows one without any.
 */
export function setChoices(declared: string): readonly string[] | null {
  const choices = choicesOf(declared, /^set\((.*)\)$/is);
  return choices?.includes('') ? null : choices;
}

/** The value of a SET with one of its choices added or taken away; in the order of the declaration, as the server has it. */
export function toggled(
  choices: readonly string[],
  text: string,
  { choice, on }: { readonly choice: string; readonly on: boolean },
): string {
  const had = text.split(',');
  return choices.filter((each) => (each === choice ? on : had.includes(each))).join(',');
}

function choicesOf(declared: string, form: RegExp): readonly string[] | null {
  const inside = form.exec(declared)?.[1];
  // What a backslash means there is not the same for every server: such a value is typed.
  if (inside === undefined || inside.includes('\\')) return null;
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
