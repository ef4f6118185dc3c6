import { ApiError } from '../../api/api-error.js';
import type { Committed } from '../../api/node-view.js';
import { formatPosition } from '../../model/position.js';
import { databaseNameFault, type UserRole, userNameFault } from '../../model/user.js';
import type { Handler } from './context.js';

export const handleListUsers: Handler = async (_request, { users }) => {
  const all = await users.list();
  return {
    kind: 'json',
    body: {
      users: all.map(({ name, role, databases, createdAt, passwordAt }) => ({
        name,
        role,
        databases,
        createdAt,
        passwordAt,
      })),
    },
  };
};

export const handleCreateUser: Handler = async (request, { users }) => {
  const body = request.body as { name: string; role: UserRole; databases?: string[] | null };
  const { name, role } = body;
  refuseFault('name', name, userNameFault(name));
  const databases = body.databases == null ? null : [...new Set(body.databases)];
  for (const database of databases ?? []) refuseFault('databases', database, databaseNameFault(database));
  const { committed, password } = await users.create({ name, role, databases });
  const made = (await users.list()).find((user) => user.name === name);
  const now = new Date().toISOString();
  return {
    kind: 'json',
    status: 201,
    body: {
      name,
      role,
      databases,
      createdAt: made?.createdAt ?? now,
      passwordAt: made?.passwordAt ?? now,
      password,
      acknowledgedBy: committed.acknowledgedBy,
    },
    headers: positionOf(committed),
    facts: { createdUser: name, createdRole: role },
  };
};

export const handleRotateUser: Handler = async (request, { users }) => {
  const name = request.params.name ?? '';
  const { committed, password } = await users.rotate(name);
  return {
    kind: 'json',
    body: { name, password, acknowledgedBy: committed.acknowledgedBy },
    headers: positionOf(committed),
    facts: { rotatedUser: name },
  };
};

export const handleDropUser: Handler = async (request, { users }) => {
  const name = request.params.name ?? '';
  refuseFault('name', name, userNameFault(name));
  const committed = await users.drop(name, { force: request.query.force === 'true' });
  return {
    kind: 'json',
    body: { name, acknowledgedBy: committed.acknowledgedBy },
    headers: positionOf(committed),
    facts: { droppedUser: name },
  };
};

function positionOf({ position }: Committed): Record<string, string> {
  return { 'x-skein-position': formatPosition(position) };
}

/** @throws ApiError 400 INVALID_FIELD */
function refuseFault(field: string, value: string, fault: string | null): void {
  if (fault !== null)
    throw new ApiError(400, 'INVALID_FIELD', `"${field}": not ${JSON.stringify(value)}: ${fault}.`);
}
