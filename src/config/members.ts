/** Where the nodes of a cluster are. */
export interface Member {
  readonly name: string;
  readonly link: { readonly host: string; readonly port: number };
  /** Base address of its HTTP. */
  readonly http: string;
}

interface Settings {
  readonly name: string;
  readonly voters: readonly string[];
  readonly members: readonly Member[];
}

/** Each name once, and all that must know each other: a cluster of one needs no addresses. */
export function* memberProblems({ name, voters, members }: Settings): Generator<string> {
  const names = members.map((member) => member.name);
  const twice = names.find((member, at) => names.indexOf(member) !== at);
  if (twice !== undefined) yield `"members" has ${twice} twice; expected each name once`;
  const others = voters.filter((voter) => voter !== name);
  const needed = others.length === 0 && members.length === 0 ? [] : [name, ...others];
  const missing = needed.filter((member) => !names.includes(member));
  if (missing.length > 0) {
    yield `"members" lacks ${missing.join(', ')}; expected the addresses of this node and of all "voters"`;
  }
}

/** Null when the configuration does not have it. */
export function memberOf({ members }: Pick<Settings, 'members'>, name: string | null): Member | null {
  return members.find((member) => member.name === name) ?? null;
}
