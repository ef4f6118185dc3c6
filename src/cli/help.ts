import type { Command, CommandEntry, OptionSpec } from './command.js';

/** `skein help`: the list of commands, and three first steps. */
export function overview(commands: readonly CommandEntry[]): string {
  const wide = Math.max(...commands.map(({ name }) => name.length));
  return `Skein makes ordinary MariaDB and MySQL servers into one database that keeps what it acknowledged.

usage: skein <command> [options]

${commands.map(({ name, summary }) => `  ${name.padEnd(wide)}  ${summary}`).join('\n')}
  ${'help'.padEnd(wide)}  this text, or that of one command: skein help sql

first steps:
  npm start                                          a primary and two replicas on this machine
  npx skein status                                   how they are
  npx skein sql "SELECT VERSION()"                   ask them something

environment:
  SKEIN_URL     the node to talk to (default http://127.0.0.1:8083)
  SKEIN_TOKEN   the token to use (default: what .skein/admin.token holds)

exit codes: 0 done, 1 failed, 2 the command line is wrong
`;
}

export function helpOf({ name, summary }: CommandEntry, command: Command): string {
  const options = Object.entries(command.options).map(
    ([name, spec]) => [optionText(name, spec), spec.help] as const,
  );
  const wide = Math.max(0, ...options.map(([text]) => text.length));
  const sections = [
    `skein ${name}: ${summary}`,
    `usage: skein ${name} ${command.usage}`.trimEnd(),
    command.description.trim(),
  ];
  if (options.length > 0) {
    sections.push(`options:\n${options.map(([text, help]) => `  ${text.padEnd(wide)}  ${help}`).join('\n')}`);
  }
  if (command.examples.length > 0) {
    const lines = command.examples.map(([line, meaning]) => `  # ${meaning}\n  ${line}`);
    sections.push(`examples:\n${lines.join('\n')}`);
  }
  return `${sections.join('\n\n')}\n`;
}

function optionText(name: string, { short, type, value }: OptionSpec): string {
  return `${short ? `-${short}, ` : ''}--${name}${type === 'string' ? ` ${value ?? '<value>'}` : ''}`;
}
