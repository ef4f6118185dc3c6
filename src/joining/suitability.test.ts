import { expect, it } from 'vitest';
import { LINK_VERSION } from '../wire/frames.js';
import { type ClusterFacts, compareVersions, freeName, type JoinerFacts, unsuitable } from './suitability.js';

const GIB = 1024 ** 3;
const server = { flavour: 'mariadb', version: '10.11.19-MariaDB-0+deb12u1' };
const cluster: ClusterFacts = {
  cluster: 'shop',
  skein: '0.1.0',
  members: [
    { name: 'n1', link: '10.0.0.1:7083', server },
    { name: 'n2', link: '10.0.0.2:7083', server: { ...server, version: '10.11.11-MariaDB' } },
  ],
  dataBytes: 10 * GIB,
  tls: { issues: true },
};
const joiner: JoinerFacts = {
  ...{ name: null, skein: '0.1.0', link: LINK_VERSION, server, host: '10.0.0.3' },
  ports: { http: 8083, link: 7083, mysql: { readWrite: 6446, readOnly: 6447 } },
  ...{ freeBytes: 100 * GIB, publicKey: null, hasCertificate: false },
};

it('asks less of a witness: it has no server, and no data', () => {
  const witness = { ...joiner, server: null, freeBytes: GIB };
  expect(unsuitable('w3', witness, cluster)).toBeNull();
  expect(unsuitable('w3', { ...witness, freeBytes: 1000 }, cluster)?.code).toBe('DISK_TOO_SMALL');
});

it('finds nothing against a machine like the others', () => {
  expect(unsuitable('n3', joiner, cluster)).toBeNull();
});

it.each<[string, string, Partial<JoinerFacts>, Partial<ClusterFacts>, string]>([
  ['another link protocol', 'JOIN_VERSION', { link: LINK_VERSION + 1, skein: '0.2.0' }, {}, '0.2.0'],
  ['its address is that of a member', 'MEMBER_EXISTS', { host: '10.0.0.2' }, {}, 'n2'],
  ['loopback among others that are not', 'ADDRESS_LOCAL', { host: '127.0.0.1' }, {}, '127.0.0.1'],
  ['the name of loopback', 'ADDRESS_LOCAL', { host: 'localhost' }, {}, '--advertise'],
  [
    'another flavour',
    'SERVER_UNSUITABLE',
    { server: { flavour: 'mysql', version: '8.4.0' } },
    {},
    'mysql 8.4.0',
  ],
  [
    'an older server than the newest',
    'SERVER_UNSUITABLE',
    { server: { ...server, version: '10.11.18' } },
    {},
    '10.11.19',
  ],
  ['no room for the data', 'DISK_TOO_SMALL', { freeBytes: 12 * GIB }, {}, '12288 MiB free'],
  [
    'no certificate, and nobody to make one',
    'CERTIFICATE_NEEDED',
    {},
    { tls: { issues: false } },
    '--certificate',
  ],
])('refuses: %s', (_, code, change, clusterChange, told) => {
  const fault = unsuitable('n3', { ...joiner, ...change }, { ...cluster, ...clusterChange });
  expect(fault).toEqual({ code, message: expect.stringContaining(told) });
});

it('refuses a name that is taken', () => {
  expect(unsuitable('n2', joiner, cluster)?.code).toBe('MEMBER_EXISTS');
});

it.each<[string, Partial<JoinerFacts>, Partial<ClusterFacts>]>([
  ['a newer server', { server: { ...server, version: '11.4.2-MariaDB' } }, {}],
  ['servers that are not known', {}, { members: [{ name: 'n1', link: '10.0.0.1:7083', server: null }] }],
  ['a certificate of its own', { hasCertificate: true }, { tls: { issues: false } }],
  [
    'loopback among loopback',
    { host: '127.0.0.3' },
    { members: [{ name: 'n1', link: '127.0.0.1:7083', server }] },
  ],
  [
    'an address of IPv6',
    { host: '2001:db8::3' },
    { members: [{ name: 'n1', link: '[2001:db8::1]:7083', server }] },
  ],
])('takes %s', (_, change, clusterChange) => {
  expect(unsuitable('n3', { ...joiner, ...change }, { ...cluster, ...clusterChange })).toBeNull();
});

it('compares versions by their numbers', () => {
  expect(compareVersions('10.11.9', '10.11.19-MariaDB')).toBeLessThan(0);
  expect(compareVersions('11.4', '11.4.0')).toBe(0);
  expect(compareVersions('11.4.2', '10.11.19')).toBeGreaterThan(0);
});

it('gives the first name that is free', () => {
  expect([[], ['n1'], ['n1', 'n3', 'db'], ['n2']].map(freeName)).toEqual(['n1', 'n2', 'n2', 'n1']);
});
