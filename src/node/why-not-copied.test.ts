import { expect, it } from 'vitest';
import type { Role } from '../model/status.js';
import type { RoleScope } from '../roles/role-node.js';
import type { SeedTarget } from '../roles/seed-parts.js';
import { whyNotCopied } from './why-not-copied.js';

/** `isTaken`: the server is the primary's, and is not filled any more. */
function closed(
  role: Role,
  serves: RoleScope['fitness']['serves'],
  { isTaken = false, isOpen = false, isSuspended = false } = {},
) {
  return whyNotCopied({
    role,
    scope: { fitness: { serves } } as RoleScope,
    isOpen: () => {
      if (isOpen) return { open: true };
      return { open: false, code: 'NO_QUORUM', reason: 'closed', ...(isSuspended && { isSuspended }) };
    },
    seedTarget: () => (isTaken ? null : ({} as SeedTarget)),
  });
}

it('an open node may be copied, and a closed one may not', () => {
  expect(closed('replica', 'yes', { isOpen: true })).toBeNull();
  expect(closed('primary', 'yes', { isOpen: true, isTaken: true })).toBeNull();
  expect(closed('replica', 'yes')).toBe('closed');
});

it('an elected primary may be before it opens: a voter may need that before the epoch can begin (rule E12)', () => {
  expect(closed('primary', 'yes')).toBeNull();
  expect(closed('primary', 'no'), 'its data differs, or it is being filled itself').toBe('closed');
  expect(closed('primary', 'last'), 'it died as the primary before').toBe('closed');
  expect(closed('primary', 'yes', { isTaken: true }), 'clients may write, or have written').toBe('closed');
});

it('an open primary may be that lacks its majority: one of two voters can be filled by nobody else', () => {
  expect(closed('primary', 'yes', { isTaken: true, isSuspended: true })).toBeNull();
});
