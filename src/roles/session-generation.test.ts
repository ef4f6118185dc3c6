import { expect, it } from 'vitest';
import { SessionGeneration } from './session-generation.js';

it('has a new number after every start of the server and every change of the role, and never repeats one', () => {
  const generation = new SessionGeneration();
  const numbers = [generation.number];
  const after = (change: () => void) => {
    change();
    numbers.push(generation.number);
  };
  after(() => generation.serverStarted());
  for (let i = 0; i < 3; i++) {
    after(() => generation.roleChanged(true));
    after(() => generation.roleChanged(false));
  }
  after(() => generation.serverStarted());
  expect(new Set(numbers).size).toBe(numbers.length);
});

it('keeps its number while nothing changes', () => {
  const generation = new SessionGeneration();
  generation.roleChanged(true);
  const { number } = generation;
  generation.roleChanged(true);
  expect(generation.number).toBe(number);
});
