import { expect, it } from 'vitest';
import { KnownPrimary } from './known-primary.js';
import { NO_ROLE } from './role-view.js';

const follows = (leader: string | null, epoch: number) => ({ ...NO_ROLE, leader, epoch });

function known() {
  const primary = new KnownPrimary('n3');
  const seen: (string | null)[] = [];
  primary.onChange.on(() => seen.push(primary.current && `${primary.current.name} ${primary.current.epoch}`));
  return { primary, seen };
}

it('is the leader of the newest epoch, and tells each change once', () => {
  const { primary, seen } = known();
  primary.roleChanged(follows('n1', 3));
  primary.roleChanged(follows('n1', 3));
  primary.roleChanged(follows(null, 4));
  primary.roleChanged(follows('n2', 4));
  expect(seen).toEqual(['n1 3', null, 'n2 4']);
});

it('never goes back to an older epoch', () => {
  const { primary } = known();
  primary.roleChanged(follows('n2', 4));
  primary.roleChanged(follows('n1', 3));
  expect(primary.current).toEqual({ name: 'n2', epoch: 4 });
  primary.roleChanged(follows(null, 5));
  primary.roleChanged(follows('n2', 4));
  expect(primary.current).toBeNull();
});

it('a primary whose link has ended is no target until it is heard again, or elected again', () => {
  const { primary, seen } = known();
  primary.roleChanged(follows('n1', 3));
  primary.linkEnded('n2');
  primary.linkEnded('n1');
  primary.heard('n2');
  expect(seen).toEqual(['n1 3', null]);
  primary.heard('n1');
  primary.linkEnded('n1');
  primary.roleChanged(follows('n1', 5));
  expect(seen).toEqual(['n1 3', null, 'n1 3', null, 'n1 5']);
});

it('the node itself needs no link', () => {
  const { primary } = known();
  primary.roleChanged(follows('n3', 3));
  primary.linkEnded('n3');
  expect(primary.current).toEqual({ name: 'n3', epoch: 3 });
});
