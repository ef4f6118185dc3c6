import { describe, expect, it } from 'vitest';
import { cpuTimeMs } from '../../test/kit/cpu-time.js';
import { toPositional } from './named-parameters.js';

const VALUES = { a: 1, b: 'two' };
const positional = (sql: string, named: Record<string, unknown> = VALUES) => toPositional(sql, named, 0);

describe('toPositional', () => {
  it.each([
    ['SELECT :a, :b', 'SELECT ?, ?', [1, 'two']],
    ['SELECT :b,:a,:b', 'SELECT ?,?,?', ['two', 1, 'two']],
    ["SELECT ':a', \"'\", `:x`, :a + :b", "SELECT ':a', \"'\", `:x`, ? + ?", [1, 'two']],
    ["SELECT 'it''s :a', :a, :b", "SELECT 'it''s :a', ?, ?", [1, 'two']],
    ["SELECT '\\\\', :a, '\\_', :b", "SELECT '\\\\', ?, '\\_', ?", [1, 'two']],
    ['SELECT /* :x ? */ :a -- :y ?\n, :b # :z', 'SELECT /* :x ? */ ? -- :y ?\n, ? # :z', [1, 'two']],
    ['SELECT /*!50000 :a, */ :b', 'SELECT /*!50000 ?, */ ?', [1, 'two']],
    ['SELECT @x:=:a, @y := :b', 'SELECT @x:=?, @y := ?', [1, 'two']],
    ['SELECT 5--:a, :b', 'SELECT 5--?, ?', [1, 'two']],
    ['l1:BEGIN NOT ATOMIC SELECT :a, :b; END', 'l1:BEGIN NOT ATOMIC SELECT ?, ?; END', [1, 'two']],
    ['SELECT :a, :b, 1 : 2', 'SELECT ?, ?, 1 : 2', [1, 'two']],
  ])('%s', (sql, expected, params) => {
    expect(positional(sql)).toEqual({ sql: expected, params });
  });

  it.each([
    ['a name without a value', 'SELECT :a, :b, :c'],
    ['a name of Object', 'SELECT :a, :b, :toString'],
    ['a value without a name', 'SELECT :a'],
    ['both ways at once', 'SELECT :a, :b, ?'],
    ['a string that sql_mode decides', "SELECT :a, 'it\\'s', :b"],
  ])('refuses %s', (_what, sql) => {
    expect(() => positional(sql)).toThrow(
      expect.objectContaining({ status: 400, code: 'INVALID_PARAMETER' }),
    );
  });

  it.each([':a ', "':a'", '/*:a*/', '`', ':', '--\n', "'"])('is linear in many of %j', (piece) => {
    const look = () => {
      try {
        positional(piece.repeat(200_000), { a: 1 });
      } catch {
        // Some of these are refused; the time is what counts.
      }
    };
    expect(cpuTimeMs(look)).toBeLessThan(3_000);
  });
});
