import { expect, it } from 'vitest';
import { nodeConfig } from '../../config/node-config.js';
import { planDemo, planExtra } from './plan.js';

const options = {
  directory: '/tmp/x/.skein',
  httpPort: 8083,
  mysqlPort: 6446,
  linkPort: 7083,
  replicas: 2,
  acknowledge: 'majority',
} as const;

it('gives names and ports as the contract says', () => {
  const plan = planDemo(options);
  expect(plan.map(({ name, url }) => [name, url])).toEqual([
    ['n1', 'http://127.0.0.1:8083'],
    ['n2', 'http://127.0.0.1:8084'],
    ['n3', 'http://127.0.0.1:8085'],
  ]);
  expect(plan[2]?.config).toMatchObject({
    link: { port: 7085 },
    contact: { host: '127.0.0.1', port: 7083 },
    mysqlPorts: { readWrite: 6466, readOnly: 6467 },
  });
  expect(plan[0]?.config.contact?.port).toBe(7084);
  expect(plan[1]?.config.routes).toMatchObject({
    n1: { port: 7083 },
    n3: { port: 7085 },
    n9: { port: 7091 },
  });
  expect(plan[1]?.config.routes).not.toHaveProperty('n2');
});

it('names the server of all nodes, or leaves it to their files', () => {
  const servers = (server: string | null) =>
    planDemo({ ...options, server }).map(({ config }) => 'server' in config && config.server);
  expect(servers('mariadb-11.8')).toEqual(['mariadb-11.8', 'mariadb-11.8', 'mariadb-11.8']);
  expect(servers(null)).toEqual([false, false, false]);
});

it.each([
  [2, ['n1', 'n2', 'n3'], []],
  [0, ['n1', 'n2', 'n3'], ['n2', 'n3']],
  // One in between was removed by hand.
  [1, ['n1', 'n3', 'n5'], ['n3', 'n5']],
  [4, ['n1'], []],
  [2, [], []],
])('%i replicas of a directory with %j leaves over %j', (replicas, present, names) => {
  expect(planExtra({ ...options, replicas }, present).map(({ name }) => name)).toEqual(names);
});

it('plans configurations that a node accepts', () => {
  for (const { config } of planDemo({ ...options, replicas: 8 })) {
    expect(nodeConfig(config, { source: 'node.json', baseDirectory: '/' }).name).toBe(config.name);
  }
});

it.each([
  [{ linkPort: 8084 }, "Port 8084 would be both n1's link (--link-port 8084) and n2's HTTP"],
  [{ httpPort: 6447 }, "Port 6447 would be both n1's HTTP"],
  [{ httpPort: 65_534 }, 'would be port 65536, but ports end at 65535'],
])('refuses ports that do not go together: %j', (change, message) => {
  expect(() => planDemo({ ...options, ...change })).toThrow(message);
});
