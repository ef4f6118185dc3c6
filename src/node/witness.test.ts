import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isSkeinError } from '../model/error.js';
import { refuseAsWitness } from './witness.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-witness-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function refusal({ witness = true, founder = false }): string | null {
  try {
    refuseAsWitness({ witness, name: 'w3', directory }, { founder });
    return null;
  } catch (error) {
    if (isSkeinError(error, 'WITNESS_UNSUITABLE')) return error.message;
    throw error;
  }
}

it('takes a directory without data', () => {
  expect(refusal({})).toBeNull();
});

it('refuses the first node of a cluster, and one that has data', () => {
  expect(refusal({ founder: true })).toContain('w3 is the first node of its cluster');
  mkdirSync(join(directory, 'data'));
  expect(refusal({})).toContain('skein remove w3');
});

it('says nothing to a node with a server', () => {
  mkdirSync(join(directory, 'data'));
  expect(refusal({ witness: false, founder: true })).toBeNull();
});
