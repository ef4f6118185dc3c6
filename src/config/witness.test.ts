import { expect, it } from 'vitest';
import { isSkeinError } from '../model/error.js';
import { nodeConfig } from './node-config.js';

const witness = {
  ...{ name: 'w3', cluster: 'shop', directory: 'w3', secretFile: 'cluster.secret', witness: true },
  ...{ http: { port: 8085 }, link: { port: 7085 }, adminTokenFile: 'admin.token' },
};

function problems(raw: object): unknown {
  try {
    nodeConfig(raw, { source: 'node.json', baseDirectory: '/srv/skein' });
    return [];
  } catch (error) {
    if (isSkeinError(error, 'CONFIG_INVALID')) return error.data.problems;
    throw error;
  }
}

it('a witness needs no settings of a server, and may say that it has no MySQL ports', () => {
  expect(problems(witness)).toEqual([]);
  expect(problems({ ...witness, mysqlPorts: null, serverPort: null })).toEqual([]);
});

it('names every setting of a server at once', () => {
  const server = { serverArgs: [], serverBufferPoolBytes: 2 ** 27, priority: 50 };
  expect(problems({ ...witness, ...server })).toEqual(
    Object.keys(server).map((name) => expect.stringContaining(`"${name}" is set, and "witness" is true`)),
  );
});

it('says where clients of MySQL go', () => {
  const mysqlPorts = { readWrite: 6446, readOnly: 6447 };
  expect(problems({ ...witness, mysqlPorts })).toEqual([
    expect.stringContaining('Clients connect to the ports of the other nodes'),
  ]);
});

it('needs a token of its own', () => {
  expect(problems({ ...witness, adminTokenFile: null })).toEqual([
    expect.stringContaining('"adminTokenFile" is missing'),
  ]);
});

it('says nothing of them to a node with a server', () => {
  expect(problems({ ...witness, witness: false, serverArgs: [], adminTokenFile: null })).toEqual([]);
});
