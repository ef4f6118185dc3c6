import { expect, it } from 'vitest';
import { SessionGeneration } from './session-generation.js';

it('has another name after every start of the server and every change of the role, and none comes back', () => {
  const generation = new SessionGeneration();
  const names = [generation.name];
  const after = (change: () => void) => {
    change();
    names.push(generation.name);
  };
  after(() => generation.serverStarted());
  for (let i = 0; i < 3; i++) {
    after(() => generation.roleChanged(true));
    after(() => generation.roleChanged(false));
  }
  after(() => generation.serverStarted());
  expect(new Set(names).size).toBe(names.length);
});

it('stays while nothing changes', () => {
  const generation = new SessionGeneration();
  generation.roleChanged(true);
  const { name } = generation;
  generation.roleChanged(true);
  expect(generation.name).toBe(name);
});
