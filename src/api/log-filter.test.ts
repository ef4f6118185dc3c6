import { expect, it } from 'vitest';
import { logMatcher } from './log-filter.js';

const line = (level: string, time: string, more = {}) => JSON.stringify({ level, time, ...more });

it('matches by level and worse, time, part and text', () => {
  const warn = line('warn', '2026-01-31T12:00:00.000Z', { part: 'link', msg: 'Link Down' });
  expect(logMatcher({})('anything')).toBe(true);
  expect(logMatcher({ level: 'info' })(warn)).toBe(true);
  expect(logMatcher({ level: 'warn' })(warn)).toBe(true);
  expect(logMatcher({ level: 'error' })(warn)).toBe(false);
  expect(logMatcher({ since: '2026-01-31T12' })(warn)).toBe(true);
  expect(logMatcher({ since: '2026-01-31T12:00:00.001' })(warn)).toBe(false);
  expect(logMatcher({ until: '2026-01-31T12:00:00.000' })(warn)).toBe(false);
  expect(logMatcher({ until: '2026-02' })(warn)).toBe(true);
  expect(logMatcher({ part: 'link', text: 'link down' })(warn)).toBe(true);
  expect(logMatcher({ part: 'spool' })(warn)).toBe(false);
  expect(logMatcher({ text: 'up' })(warn)).toBe(false);
  expect(logMatcher({ level: 'debug' })('not JSON')).toBe(false);
});
