import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { redactTokens } from '../std/redact-tokens.js';
import { isProven, JOIN_PROTOCOL, Joiner, type JoinRequest, sealAnswer } from './exchange.js';
import { formatJoinToken, joinSecretOf, newJoinTokenId, parseJoinToken } from './join-token.js';

const clusterSecret = randomBytes(32);
const newToken = () => {
  const id = newJoinTokenId();
  return { id, secret: joinSecretOf(clusterSecret, id) };
};

describe('a join token', () => {
  it('is read as it was written, and cut or changed not at all', () => {
    const token = newToken();
    const text = formatJoinToken(token);
    expect(parseJoinToken(`${text}\n`)).toEqual(token);
    for (const wrong of [text.slice(0, -1), `${text}A`, text.replace('_join_', '_'), '', 'skein_join_'])
      expect(parseJoinToken(wrong)).toBeNull();
  });

  it('differs for each id and each cluster', () => {
    const { id, secret } = newToken();
    expect(joinSecretOf(clusterSecret, newJoinTokenId())).not.toEqual(secret);
    expect(joinSecretOf(randomBytes(32), id)).not.toEqual(secret);
  });

  it('is hidden in a log line', () => {
    expect(redactTokens(`refused ${formatJoinToken(newToken())}`)).toBe('refused skein_(hidden)');
  });
});

describe('the exchange', () => {
  const token = newToken();
  const joiner = new Joiner(token);
  const request = joiner.request('join', { name: 'n2' });
  const answer = { secret: 'the secret of the cluster' };

  it('gives the answer to the joiner that asked', () => {
    expect(isProven(request, token.secret)).toBe(true);
    const sealed = sealAnswer(request, token.secret, answer);
    expect(JSON.stringify(sealed)).not.toContain('the secret');
    expect(joiner.open(request, sealed)).toEqual(answer);
  });

  it('shows nothing of the token', () => {
    const text = JSON.stringify([request, sealAnswer(request, token.secret, answer)]);
    for (const encoding of ['hex', 'base64', 'base64url'] as const)
      expect(text).not.toContain(token.secret.toString(encoding));
  });

  it.each<[string, Partial<JoinRequest>]>([
    ['step', { step: 'check' }],
    ['token', { token: newJoinTokenId() }],
    ['key', { key: new Joiner(token).request('join', {}).key }],
    ['details', { details: '{"name":"n3"}' }],
    ['protocol', { protocol: JOIN_PROTOCOL + 1 }],
    ['proof', { proof: randomBytes(32).toString('base64url') }],
    ['proof that is short', { proof: 'AAAA' }],
  ])('does not take a request with another %s', (_, change) => {
    expect(isProven({ ...request, ...change }, token.secret)).toBe(false);
  });

  it('does not take a request made with another token', () => {
    expect(isProven(request, newToken().secret)).toBe(false);
  });

  it('cannot be answered by one without the token', () => {
    const impostor = sealAnswer(request, randomBytes(32), answer);
    expect(() => joiner.open(request, impostor)).toThrow(
      expect.objectContaining({ code: 'JOIN_ANSWER_INVALID' }),
    );
  });

  it('is worth nothing to another joiner, to one that learns the token, or for another request', () => {
    const sealed = sealAnswer(request, token.secret, answer);
    const refused = expect.objectContaining({ code: 'JOIN_ANSWER_INVALID' });
    expect(() => new Joiner(token).open(request, sealed)).toThrow(refused);
    expect(() => joiner.open(joiner.request('check', { name: 'n2' }), sealed)).toThrow(refused);
    const bytes = Buffer.from(sealed.sealed, 'base64url');
    for (const at of [0, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => joiner.open(request, { ...sealed, sealed: changed.toString('base64url') })).toThrow(
        refused,
      );
    }
    expect(() => joiner.open(request, { ...sealed, key: request.key })).toThrow(refused);
    expect(() => joiner.open(request, { ...sealed, sealed: '' })).toThrow(refused);
  });

  it('has another key for each answer', () => {
    const [one, two] = [1, 2].map(() => sealAnswer(request, token.secret, answer));
    expect(one?.key).not.toBe(two?.key);
    expect(one?.sealed).not.toBe(two?.sealed);
  });

  it.each([
    ['of zeros, which would make the secret known', Buffer.alloc(32)],
    ['of low order', Buffer.from([1, ...Buffer.alloc(31)])],
    ['that is too short', Buffer.alloc(31)],
  ])('refuses a key %s', (_, key) => {
    const bad = { ...request, key: key.toString('base64url') };
    expect(() => sealAnswer(bad, token.secret, answer)).toThrow(
      expect.objectContaining({ code: 'JOIN_KEY_INVALID' }),
    );
  });
});
