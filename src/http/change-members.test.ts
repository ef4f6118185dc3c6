import { expect, it } from 'vitest';
import type { NodeView } from '../api/node-view.js';
import { SkeinError } from '../model/error.js';
import { changeMembers } from './change-members.js';

const node = { role: () => 'primary', primaryHttp: () => null } as unknown as NodeView;

it.each([
  ['CHANGE_REFUSED', 'NO_QUORUM', {}],
  ['CHANGE_INTERRUPTED', 'NOT_OPEN', { applied: 'unknown' }],
])(
  'what the election says of a change, %s, is an answer that tells whether to try again',
  async (said, code, more) => {
    const change = changeMembers(node, async () => {
      throw new SkeinError(said, 'n2 does not answer');
    });
    await expect(change).rejects.toMatchObject({ status: 503, code, details: { retryable: true, ...more } });
  },
);
