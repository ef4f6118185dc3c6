/** Query parameters are texts; the schema says which of them are numbers. Pure. */
import type { TSchema } from '@sinclair/typebox';

export function coercedQuery(
  query: Record<string, unknown>,
  schema: TSchema | undefined,
): Record<string, unknown> {
  const properties = (schema?.properties ?? {}) as Record<string, { type?: string }>;
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      const type = Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
      const isNumber = (type === 'integer' || type === 'number') && /^-?\d{1,15}$/.test(String(value));
      return [name, isNumber ? Number(value) : value];
    }),
  );
}
