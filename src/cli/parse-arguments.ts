import { parseArgs } from 'node:util';
import { nearest } from '../std/nearest.js';
import type { OptionSpec, ParsedValues } from './command.js';
import { UsageError } from './usage-error.js';

/**
 * Parses arguments strictly, and suggests what was probably meant.
 * @throws UsageError for an unknown option (with the nearest one), a missing or a superfluous value
 */
export function parseArguments(
  args: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
  positionals: readonly [least: number, most: number],
): ParsedValues {
  const parsed = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(options).map(([name, { type, short }]) => [
        name,
        { type, multiple: true, ...(short ? { short } : {}) },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (!spec) throw unknownOption(token.rawName, Object.keys(options));
    if (spec.type === 'boolean') {
      if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`);
      given.set(token.name, []);
      continue;
    }
    // `--after --json`: the next option was taken for a value.
    const swallowed = !token.inlineValue && token.value !== undefined && /^--?[a-z]/.test(token.value);
    if (token.value === undefined || swallowed) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${spec.value ?? '<value>'}`);
    }
    const values = given.get(token.name) ?? [];
    if (values.length > 0 && !spec.multiple) throw new UsageError(`${token.rawName} is given twice.`);
    given.set(token.name, [...values, token.value]);
  }
  if (parsed.positionals.length < positionals[0]) throw new UsageError('An argument is missing.');
  if (parsed.positionals.length > positionals[1]) {
    throw new UsageError(`"${parsed.positionals[positionals[1]]}" is one argument too many.`);
  }
  return values(parsed.positionals, given);
}

function values(positionals: readonly string[], given: ReadonlyMap<string, string[]>): ParsedValues {
  const text = (name: string) => given.get(name)?.[0];
  return {
    positionals,
    flag: (name) => given.has(name),
    text,
    texts: (name) => given.get(name) ?? [],
    integer(name, { least, most }) {
      const value = text(name);
      if (value === undefined) return undefined;
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= least && number <= most) return number;
      throw new UsageError(`--${name} is "${value}"; expected a whole number from ${least} to ${most}.`);
    },
    oneOf(name, words) {
      const value = text(name);
      if (value === undefined) return undefined;
      const word = words.find((candidate) => candidate === value);
      if (word !== undefined) return word;
      throw new UsageError(`--${name} is "${value}"; expected one of ${words.join(', ')}.`);
    },
  };
}

function unknownOption(rawName: string, known: readonly string[]): UsageError {
  const guess = nearest(rawName.replace(/^-+/, ''), known);
  return new UsageError(`There is no option ${rawName}.${guess ? ` Did you mean --${guess}?` : ''}`);
}
