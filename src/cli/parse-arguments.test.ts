import { describe, expect, it } from 'vitest';
import { parseArguments } from './parse-arguments.js';
import { UsageError } from './usage-error.js';

const options = {
  json: { type: 'boolean', help: '' },
  after: { type: 'string', value: '<position>', help: '' },
  param: { type: 'string', multiple: true, help: '' },
  help: { type: 'boolean', short: 'h', help: '' },
} as const;

const parse = (...args: string[]) => parseArguments(args, options, [0, 1]);

function complaint(...args: string[]): string {
  try {
    parse(...args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('parseArguments', () => {
  it('reads flags, values and positionals in any order', () => {
    const values = parse('--after=1.2.x', 'SELECT 1', '--json', '--param', '1', '--param', 'two', '-h');
    expect(values.positionals).toEqual(['SELECT 1']);
    expect(values.flag('json')).toBe(true);
    expect(values.flag('help')).toBe(true);
    expect(values.text('after')).toBe('1.2.x');
    expect(values.texts('param')).toEqual(['1', 'two']);
    expect(parse().flag('json')).toBe(false);
  });

  it('takes what follows -- as it is', () => {
    expect(parse('--', '--json').positionals).toEqual(['--json']);
  });

  it.each([
    [['--jsno'], 'There is no option --jsno. Did you mean --json?'],
    [['-x'], 'There is no option -x.'],
    [['--constructor'], 'There is no option --constructor.'],
    [['--after'], '--after needs a value: --after <position>'],
    [['--after', '--json'], '--after needs a value: --after <position>'],
    [['--json=yes'], '--json takes no value.'],
    [['--after', '1', '--after', '2'], '--after is given twice.'],
    [['a', 'b'], '"b" is one argument too many.'],
  ])('refuses %j', (args, message) => {
    expect(complaint(...args)).toBe(message);
  });

  it('says when an argument is missing', () => {
    expect(() => parseArguments([], options, [1, 1])).toThrow('An argument is missing.');
  });

  it('checks numbers and words', () => {
    const values = parse('--after', '70000');
    expect(values.integer('after', { least: 1, most: 70_000 })).toBe(70_000);
    expect(() => values.integer('after', { least: 1, most: 65_535 })).toThrow(
      '--after is "70000"; expected a whole number from 1 to 65535.',
    );
    expect(() => parse('--after', '1e3').integer('after', { least: 1, most: 9999 })).toThrow(UsageError);
    expect(parse('--after', 'all').oneOf('after', ['majority', 'all'])).toBe('all');
    expect(() => parse('--after', 'one').oneOf('after', ['majority', 'all'])).toThrow(
      'expected one of majority, all',
    );
  });
});
