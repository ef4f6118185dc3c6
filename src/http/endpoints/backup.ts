import { Type } from '@sinclair/typebox';
import { defineEndpoint } from './definition.js';

export const getBackup = defineEndpoint({
  method: 'GET',
  path: '/v1/backup',
  summary:
    "A backup of this node's server, as it lies on the disk, at one position: the bytes of a file for `skein restore`. It is whole when `skein backup verify` says so. One at a time on a node.",
  auth: 'admin',
  produces: 'binary',
  response: Type.String({ description: 'The bytes of the file.' }),
  errors: ['SERVER_DOWN', 'NOT_OPEN', 'NODE_BUSY', 'BACKUP_FAILED'],
});
