import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Scenario } from '../../test/simulation/scenario.js';
import { expectFile } from '../../test/simulation/text-file.js';

/** Transcripts of elections: a command after `>`, and what each node did below it. They are read, then believed. */
const DIRECTORY = join(import.meta.dirname, '../../test/scenarios/election');
const files = readdirSync(DIRECTORY).filter((name) => name.endsWith('.txt') && name !== 'transitions.txt');

describe('a transcript', () => {
  it('is there', () => expect(files.length).toBeGreaterThan(15));

  it.each(files)('%s', (name) => {
    const path = join(DIRECTORY, name);
    const scenario = new Scenario();
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => /^[>#]/.test(line))
      .flatMap((line) =>
        line.startsWith('#') ? [line] : [line, ...answerOf(scenario, line.slice(1).trim())],
      );
    expectFile(path, `${lines.join('\n')}\n`);
  });
});

function answerOf(scenario: Scenario, command: string): string[] {
  return scenario.run(command).map((line) => `  ${line}`);
}
