import type { CommandEntry } from './command.js';

/** In the order in which `skein help` shows them. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'demo',
    summary: 'run a whole cluster on this machine: a primary and its replicas',
    load: async () => (await import('./demo.js')).demoCommand,
  },
  {
    name: 'init',
    summary: 'prepare the first machine of a new cluster',
    load: async () => (await import('./init.js')).initCommand,
  },
  {
    name: 'join',
    summary: 'make this machine a member of a cluster',
    load: async () => (await import('./join.js')).joinCommand,
  },
  {
    name: 'remove',
    summary: 'remove a member from the cluster',
    load: async () => (await import('./remove.js')).removeCommand,
  },
  {
    name: 'status',
    summary: 'show all nodes of the cluster: role, state, lag, positions',
    load: async () => (await import('./status.js')).statusCommand,
  },
  {
    name: 'sql',
    summary: 'run one SQL statement on a node',
    load: async () => (await import('./sql.js')).sqlCommand,
  },
  {
    name: 'token',
    summary: 'create, list and revoke the tokens that clients use',
    load: async () => (await import('./token.js')).tokenCommand,
  },
  {
    name: 'user',
    summary: 'create, list and drop the accounts that applications use on the MySQL ports',
    load: async () => (await import('./user.js')).userCommand,
  },
  {
    name: 'dump',
    summary: 'dump a node as SQL: rows, views, triggers, routines, events',
    load: async () => (await import('./dump.js')).dumpCommand,
  },
  {
    name: 'load',
    summary: 'load a dump into the cluster, and list what was changed in it',
    load: async () => (await import('./load.js')).loadCommand,
  },
  {
    name: 'verify',
    summary: 'compare the rows of all nodes, and repair replicas that differ',
    load: async () => (await import('./verify.js')).verifyCommand,
  },
  {
    name: 'backup',
    summary: 'back up a whole node, as it lies on the disk',
    load: async () => (await import('./backup.js')).backupCommand,
  },
  {
    name: 'restore',
    summary: 'make a new cluster from a backup',
    load: async () => (await import('./restore.js')).restoreCommand,
  },
  {
    name: 'reseed',
    summary: 'fill the server of a replica from another node',
    load: async () => (await import('./reseed.js')).reseedCommand,
  },
  {
    name: 'switchover',
    summary: 'make another node the primary, in order',
    load: async () => (await import('./switchover.js')).switchoverCommand,
  },
  {
    name: 'promote',
    summary: 'make a node the primary by force, when a majority of the voters is gone for good',
    load: async () => (await import('./promote.js')).promoteCommand,
  },
  {
    name: 'maintenance',
    summary: "begin or end a node's maintenance, in which it is not the primary",
    load: async () => (await import('./maintenance.js')).maintenanceCommand,
  },
  {
    name: 'recovered',
    summary: 'show the transactions that a node kept when its data was replaced',
    load: async () => (await import('./recovered.js')).recoveredCommand,
  },
  {
    name: 'audit',
    summary: 'read the audit trail of a node, or verify that it is intact',
    load: async () => (await import('./audit.js')).auditCommand,
  },
  {
    name: 'spool',
    summary: 'inspect the durable queue of a replica on this machine',
    load: async () => (await import('./spool.js')).spoolCommand,
  },
  {
    name: 'node',
    summary: 'run one node and its database server',
    load: async () => (await import('./node.js')).nodeCommand,
  },
];
