import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePorts } from '../../../test/kit/processes.js';
import { type JoinRequest, sealAnswer } from '../../joining/exchange.js';
import type { JoinOffer } from '../../joining/messages.js';
import type { ServerBinary } from '../../server-packages/server-binary.js';
import { type JoinOptions, joinCluster } from './join-cluster.js';
import { NodeDirectory } from './node-directory.js';

let base: string;
let member: Server | undefined;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'skein-join-'));
});
afterEach(() => {
  member?.closeAllConnections();
  member?.close();
  rmSync(base, { recursive: true, force: true });
});

const token = { id: 'A'.repeat(22), secret: Buffer.alloc(32, 7) };
const server = { flavour: 'mariadb', version: '10.11.9' } as ServerBinary;
const OFFER: JoinOffer = {
  cluster: 'shop',
  clusterId: '0'.repeat(32),
  name: 'n2',
  members: ['n1'],
  tls: null,
};

/** A member that offers to take the machine; what it does with the request to join is up to the test. */
async function memberThat(joins: (hangUp: () => void) => void): Promise<string> {
  const http = createServer((request, response) => {
    let text = '';
    request.on('data', (more) => {
      text += more;
    });
    request.on('end', () => {
      const asked = JSON.parse(text) as JoinRequest;
      if (asked.step === 'check') response.end(JSON.stringify(sealAnswer(asked, token.secret, OFFER)));
      else joins(() => request.socket.destroy());
    });
  });
  member = http;
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

it('a join whose outcome is not known says so, and what to do', async () => {
  const abort = new AbortController();
  // The member does it, and the machine is interrupted before it has the answer.
  const url = await memberThat((hangUp) => {
    hangUp();
    abort.abort();
  });
  const port = await freePorts([0, 1, 2, 3]);
  const directory = join(base, 'n2');
  const options: JoinOptions = {
    ...{ directory, name: null, member: url, token, listen: '127.0.0.1', advertise: '127.0.0.1' },
    ...{ ports: { http: port, link: port + 1, mysql: { readWrite: port + 2, readOnly: port + 3 } } },
    ...{ certificate: null, server: null, start: false, adminToken: null },
  };
  await expect(joinCluster(options, { server, signal: abort.signal })).rejects.toMatchObject({
    code: 'JOIN_UNKNOWN',
    message: expect.stringContaining('skein remove n2'),
  });
  expect(existsSync(directory)).toBe(false);
});

it('what an interrupted setup left is not called a node', async () => {
  const directory = join(base, 'n3');
  mkdirSync(directory);
  writeFileSync(join(directory, 'cluster.secret'), 'secret');
  await expect(NodeDirectory.prepare(directory)).rejects.toMatchObject({
    code: 'DIRECTORY_HAS_NODE',
    message: expect.stringContaining('was interrupted there'),
  });
});
