/** The accounts of applications as HTTP changes them; see auth/user-table.ts. */

import { ApiError } from '../../api/api-error.js';
import type { Committed, NodeView } from '../../api/node-view.js';
import {
  BEGIN_DROP_USER,
  DELETE_USER,
  INSERT_USER,
  loadUsers,
  newSalt,
  type OwnedObject,
  ownedObjects,
  ROTATE_USER,
} from '../../auth/user-table.js';
import { messageOf } from '../../model/error.js';
import type { User, UserRole } from '../../model/user.js';
import type { SystemTable } from './system-table.js';

/** Each change waits for its quorum like any other write. */
const TIMEOUT_MS = 10_000;

export interface ChangedUser {
  readonly committed: Committed;
  readonly password: string;
}

export class UserTable {
  readonly #table: SystemTable;
  readonly #node: NodeView;

  constructor(modules: { table: SystemTable; node: NodeView }) {
    this.#table = modules.table;
    this.#node = modules.node;
  }

  /** As this node knows them, without those that are being dropped. */
  async list(): Promise<User[]> {
    const users = (await loadUsers(this.#table.reader)) ?? [];
    return users.filter(({ dropped }) => !dropped);
  }

  /** @throws ApiError 409 USER_EXISTS */
  async create(user: {
    name: string;
    role: UserRole;
    databases: readonly string[] | null;
  }): Promise<ChangedUser> {
    const { name, role, databases } = user;
    const salt = newSalt();
    const scope = databases && JSON.stringify(databases);
    const committed = await this.#table.write(INSERT_USER, [name, role, scope, salt], TIMEOUT_MS);
    if (committed === null) {
      throw new ApiError(409, 'USER_EXISTS', `There is an account "${name}" already. Rotate or drop it.`);
    }
    return this.#done(name, salt, committed);
  }

  /** @throws ApiError 404 when there is no such account */
  async rotate(name: string): Promise<ChangedUser> {
    const salt = newSalt();
    const committed = await this.#table.write(ROTATE_USER, [salt, name], TIMEOUT_MS);
    if (committed === null) throw noSuchUser(name);
    return this.#done(name, salt, committed);
  }

  /**
   * In two steps: only when the primary's server has forgotten the account, and nothing of it can come into the log any
   * more, does its row go; until then replicas keep the name. What was begun is finished by dropping it again.
   * @throws ApiError 404 when there is no such account, 409 USER_IN_USE
   */
  async drop(name: string, { force }: { force: boolean }): Promise<Committed> {
    this.#table.refuseUnlessOpen();
    const users = (await loadUsers(this.#table.reader)) ?? [];
    if (!users.some((user) => user.name === name)) throw noSuchUser(name);
    if (!force) refuseOwner(name, await ownedObjects(this.#table.reader, name));
    const begun = await this.#table.write(BEGIN_DROP_USER, [name], TIMEOUT_MS);
    if (begun === null) throw noSuchUser(name);
    await this.#reconcile();
    return (await this.#table.write(DELETE_USER, [name], TIMEOUT_MS)) ?? begun;
  }

  async #done(name: string, salt: string, committed: Committed): Promise<ChangedUser> {
    await this.#reconcile();
    return { committed, password: this.#table.access().userPassword({ name, salt }) };
  }

  /** @throws ApiError 504 OUTCOME_UNKNOWN with applied: yes */
  async #reconcile(): Promise<void> {
    try {
      await this.#node.reconcileUsers();
    } catch (error) {
      throw new ApiError(
        504,
        'OUTCOME_UNKNOWN',
        `The change is stored, but this node's server does not have it yet. The node tries again by itself. To get a password, rotate the account. ${messageOf(error)}`,
        { applied: 'yes' },
      );
    }
  }
}

function noSuchUser(name: string): ApiError {
  return new ApiError(404, 'NOT_FOUND', `There is no account "${name}".`);
}

const NAMED_MAX = 5;

function refuseOwner(name: string, owned: readonly OwnedObject[]): void {
  if (owned.length === 0) return;
  const named = owned.slice(0, NAMED_MAX).map((object) => `${object.kind} ${object.schema}.${object.name}`);
  const more = owned.length > NAMED_MAX ? ` and ${owned.length - NAMED_MAX} more` : '';
  throw new ApiError(
    409,
    'USER_IN_USE',
    `"${name}" is the DEFINER of ${named.join(', ')}${more}; without the account they fail with error 1449. Create them again as another account, or drop this account with force.`,
  );
}
