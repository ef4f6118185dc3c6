import { Type } from '@sinclair/typebox';
import { CHANGE_ERRORS } from '../../api/errors.js';
import { USER_NAME_MAX, USER_ROLES } from '../../model/user.js';
import { defineEndpoint } from './definition.js';

const User = Type.Object(
  {
    name: Type.String(),
    role: Type.Union(USER_ROLES.map((role) => Type.Literal(role))),
    databases: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description: 'The only databases that it sees; null = all.',
    }),
    createdAt: Type.String(),
    passwordAt: Type.String({ description: 'ISO time of its last new password.' }),
  },
  { title: 'User' },
);

const Name = Type.Object({ name: Type.String({ minLength: 1, maxLength: USER_NAME_MAX }) });
const Password = Type.String({ description: 'In this answer only.' });
const AcknowledgedBy = Type.Array(Type.String(), {
  description:
    'Replicas that have the change on disk. The node that answers has the account; a replica has it within a second of applying the change.',
});

export const getUsers = defineEndpoint({
  method: 'GET',
  path: '/v1/users',
  summary: 'The accounts that applications use on the MySQL ports, without their passwords.',
  auth: 'admin',
  response: Type.Object({ users: Type.Array(User) }, { title: 'UserList' }),
  errors: ['SERVER_DOWN'],
});

export const postUsers = defineEndpoint({
  method: 'POST',
  path: '/v1/users',
  summary: 'Creates an account for the MySQL ports of every node. Its password is in this answer only.',
  auth: 'admin',
  body: Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: USER_NAME_MAX }),
      role: Type.Union(USER_ROLES.map((role) => Type.Literal(role))),
      databases: Type.Optional(
        Type.Union([Type.Array(Type.String(), { minItems: 1, maxItems: 100 }), Type.Null()], {
          description: 'The only databases that it sees, which need not exist yet; null = all.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  response: Type.Composite([User, Type.Object({ password: Password, acknowledgedBy: AcknowledgedBy })], {
    title: 'NewUser',
  }),
  statuses: [201],
  errors: [...CHANGE_ERRORS, 'USER_EXISTS'],
});

export const rotateUser = defineEndpoint({
  method: 'POST',
  path: '/v1/users/:name/rotate',
  summary: 'Gives an account a new password, which is in this answer only, and ends its sessions.',
  auth: 'admin',
  params: Name,
  body: Type.Object({}, { additionalProperties: false }),
  bodyOptional: true,
  response: Type.Object(
    { name: Type.String(), password: Password, acknowledgedBy: AcknowledgedBy },
    { title: 'RotatedUser' },
  ),
  errors: CHANGE_ERRORS,
});

export const deleteUser = defineEndpoint({
  method: 'DELETE',
  path: '/v1/users/:name',
  summary: 'Drops an account on every node, and ends its sessions.',
  auth: 'admin',
  params: Name,
  query: Type.Object(
    {
      force: Type.Optional(
        Type.Union([Type.Literal('true'), Type.Literal('false')], {
          description: 'Drop it even if views, routines, triggers or events run as this account.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  response: Type.Object({ name: Type.String(), acknowledgedBy: AcknowledgedBy }, { title: 'DroppedUser' }),
  errors: [...CHANGE_ERRORS, 'USER_IN_USE'],
});
