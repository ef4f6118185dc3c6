import { expect, it } from 'vitest';
import { redactTokens } from './redact-tokens.js';

const TOKEN = `skein_${'aB3-_'.repeat(8)}xyz`;

it.each([
  [`{"path":"/v1/${TOKEN}/x"}`, '{"path":"/v1/skein_(hidden)/x"}'],
  [
    `{"path":"/?token=${TOKEN}","requestId":"${TOKEN}"}`,
    '{"path":"/?token=skein_(hidden)","requestId":"skein_(hidden)"}',
  ],
  [`Bearer ${TOKEN}\\n`, 'Bearer skein_(hidden)\\n'],
  // Cut at the end of a path's 200 characters.
  [`/${TOKEN.slice(0, 40)}`, '/skein_(hidden)'],
])('hides a token wherever it stands: %s', (text, expected) => {
  expect(redactTokens(text)).toBe(expected);
});

it('leaves names of ours and ids of tokens', () => {
  const line =
    '{"account":"skein_write","table":"skein_outcomes","token":"tok_VoiTEAowrV1d","host":"skein-n1"}';
  expect(redactTokens(line)).toBe(line);
});
