import { describe, expect, test } from 'vitest';
import { type ElectionMessage, REFUSALS, SERVES } from '../model/election-messages.js';
import { isSkeinError } from '../model/error.js';
import { decodeElection, decodeVoter, encodeElection, encodeVoter } from './election-messages.js';
import { FRAME_HEADER_SIZE, FRAMES } from './frames.js';

const position = { epoch: -1, number: 0, ordinal: Number.MAX_SAFE_INTEGER };
const standing = { incarnation: 'a'.repeat(32), boot: 3, promisedEpoch: 7, position, abstains: false };
const offer = { serves: 'last', maintenance: true, priority: -1, applied: 9 } as const;
const MESSAGES: readonly ElectionMessage[] = [
  { kind: 'preVote', epoch: 7, position },
  { kind: 'preVoteResponse', epoch: 7, refusal: null, standing },
  { kind: 'vote', epoch: 7, campaign: 'c', position, transfer: true },
  { kind: 'voteResponse', epoch: 7, campaign: 'c', refusal: 'older log', standing },
  { kind: 'heartbeat', epoch: 7, campaign: 'c', number: 1, isAnswered: true },
  { kind: 'heartbeatResponse', epoch: 7, number: 1, standing, offer },
  { kind: 'timeoutNow', epoch: 7 },
];
const payload = (frame: Buffer) => frame.subarray(FRAME_HEADER_SIZE);

function faultOf(value: unknown): string {
  try {
    decodeElection(Buffer.from(JSON.stringify(value)));
    return 'none';
  } catch (error) {
    if (isSkeinError(error)) return error.code;
    throw error;
  }
}

describe('messages about elections', () => {
  test.each(MESSAGES)('$kind is read as it was written', (message) => {
    expect(decodeElection(payload(encodeElection(message)))).toEqual(message);
  });

  test.each(MESSAGES)('$kind without any one of its fields is refused', (message) => {
    for (const field of Object.keys(message)) {
      expect([field, faultOf({ ...message, [field]: undefined })]).toEqual([field, 'FRAME_INVALID']);
    }
  });

  test('every reason and every offer is known, and no other', () => {
    for (const refusal of REFUSALS) expect(faultOf({ ...MESSAGES[1], refusal })).toBe('none');
    for (const serves of SERVES)
      expect(faultOf({ ...MESSAGES[5], offer: { ...offer, serves } })).toBe('none');
    expect(faultOf({ ...MESSAGES[1], refusal: 'no' })).toBe('FRAME_INVALID');
    expect(faultOf({ ...MESSAGES[5], offer: { ...offer, serves: 'maybe' } })).toBe('FRAME_INVALID');
  });

  test.each([
    { kind: 'other', epoch: 1 },
    { kind: 'timeoutNow', epoch: -1 },
    { kind: 'timeoutNow', epoch: 2 ** 32 },
    { kind: 'timeoutNow', epoch: 1.5 },
    { kind: 'heartbeat', epoch: 1, campaign: 'c'.repeat(65), number: 1, isAnswered: true },
    { kind: 'heartbeat', epoch: 1, campaign: 'c', number: 2 ** 53, isAnswered: true },
    { kind: 'preVote', epoch: 1, position: { ...position, epoch: -2 } },
    { kind: 'preVote', epoch: 1, position: { ...position, ordinal: -1 } },
    { ...MESSAGES[1], standing: { ...standing, incarnation: '' } },
    { ...MESSAGES[1], standing: { ...standing, boot: 0.5 } },
  ])('an impossible value is refused: %j', (message) => {
    expect(faultOf(message)).toBe('FRAME_INVALID');
  });

  test('what a newer node adds is no fault, up to the limit of the frame', () => {
    expect(faultOf({ kind: 'timeoutNow', epoch: 1, more: true })).toBe('none');
    const more = 'x'.repeat(FRAMES.election.payloadMax);
    expect(faultOf({ kind: 'timeoutNow', epoch: 1, more })).toBe('FRAME_TOO_LARGE');
  });

  test('the longest message is within the limit', () => {
    const long = { ...standing, incarnation: 'i'.repeat(64), promisedEpoch: 0xffff_ffff };
    const sizes = [
      encodeElection({ kind: 'heartbeatResponse', epoch: 1, number: 2 ** 53 - 1, standing: long, offer }),
      encodeElection({
        ...{ kind: 'voteResponse', epoch: 1, campaign: 'c'.repeat(64) },
        ...{ refusal: 'epoch too far ahead', standing: long },
      }),
    ].map(({ length }) => length);
    expect(Math.max(...sizes)).toBeLessThan(FRAMES.election.payloadMax / 4);
  });
});

test('who speaks: names as in the list of members', () => {
  const voter = { node: 'n1', to: 'n2', incarnation: 'disk' };
  expect(decodeVoter(payload(encodeVoter(voter)))).toEqual(voter);
  for (const node of ['', '../n1', 'a'.repeat(64), 'n1\n']) {
    expect(() => decodeVoter(payload(encodeVoter({ ...voter, node })))).toThrow(/voter frame is wrong/);
  }
  expect(() => decodeVoter(payload(encodeVoter({ ...voter, incarnation: '' })))).toThrow(
    /voter frame is wrong/,
  );
});
