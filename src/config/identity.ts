import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { SkeinError } from '../model/error.js';
import { StateFile } from '../std/state-file.js';

/**
 * Which cluster a node belongs to. Written once, before the node's first start: when a cluster is founded, or when the node
 * joins one. A cluster's id is random, so that two clusters are told apart whatever their names and secrets are (rule E5).
 */
const Schema = Type.Object({
  cluster: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  /** At its first start this node founds the cluster: it is its only member then. False from then on. */
  founder: Type.Boolean(),
  /** Starts so far. */
  boot: Type.Integer({ minimum: 0 }),
});
export type Identity = Static<typeof Schema>;

export const newClusterId = () => randomBytes(16).toString('hex');

/** Beside the state, not in it: a replica whose data, spool and state were lost still belongs to its cluster. */
const pathIn = (directory: string) => join(directory, 'identity.json');

function identityFile(directory: string): StateFile<typeof Schema, null> {
  return new StateFile({
    path: pathIn(directory),
    schema: Schema,
    missing: null,
    onDamage: {
      refuse: ({ path, reason }) =>
        new SkeinError(
          'IDENTITY_UNREADABLE',
          `${path} cannot be used (${reason}). It says which cluster this node belongs to. Restore it: "cluster" is the same on all nodes of the cluster.`,
        ),
    },
  });
}

/** Null when the directory belongs to no cluster. @throws SkeinError IDENTITY_UNREADABLE */
export function readIdentity(directory: string): Promise<Identity | null> {
  return identityFile(directory).load();
}

/** Resolves when it is on the disk. `directory`: of the node. */
export async function writeIdentity(
  directory: string,
  identity: Omit<Identity, 'boot'> & { boot?: number },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await identityFile(directory).save({ boot: 0, ...identity });
}

/**
 * The identity for one more start.
 * @throws SkeinError IDENTITY_MISSING, IDENTITY_UNREADABLE
 */
export async function beginBoot(directory: string): Promise<Identity> {
  const identity = await readIdentity(directory);
  if (identity === null) {
    throw new SkeinError(
      'IDENTITY_MISSING',
      `${pathIn(directory)} is missing, so this directory belongs to no cluster. If an earlier build of Skein made it, it cannot be used by this one: dump its data with that build (skein dump), and load the dump into a new cluster in another directory. If the file was lost, restore it: "cluster" in it is the same on all nodes of the cluster.`,
    );
  }
  const next = { ...identity, boot: identity.boot + 1 };
  await writeIdentity(directory, next);
  return next;
}
