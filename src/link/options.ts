/** `given` over `defaults`; what is given as undefined counts as not given. */
export function withDefaults<D extends object, O extends object>(
  defaults: D,
  given: O,
): O & { readonly [K in keyof D]: D[K] extends number ? number : D[K] } {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...defaults, ...set } as O & { readonly [K in keyof D]: D[K] extends number ? number : D[K] };
}
