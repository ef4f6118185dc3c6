import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as netConnect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { promisify } from 'node:util';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeConfigInput } from '../../src/config/node-config.js';
import { hasOpenssl, TestAuthority } from '../kit/certificates.js';
import { skein } from '../kit/cli.js';
import { showLogsOnFailure, TestCluster } from '../kit/cluster.js';
import { mariadbClient } from '../kit/mariadb-client.js';
import { alertExpressions, faultsOf, parseScrape, sampleValue } from '../kit/prometheus-text.js';
import type { TestNode } from '../kit/test-node.js';
import { until } from '../kit/until.js';

describe.skipIf(!hasOpenssl)('TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-certs-'));
  const authority = new TestAuthority(directory, 'authority');
  const stranger = new TestAuthority(directory, 'stranger');
  const own = authority.sign('node');
  const pem = (path: string) => readFileSync(path, 'utf8');
  const ca = pem(authority.ca);

  let cluster: TestCluster;
  let n1: TestNode;
  let n2: TestNode;
  const ports = new Map<string, { rw: number; ro: number }>();

  beforeAll(async () => {
    const tls: NodeConfigInput['tls'] = { ...own, ca: authority.ca, ports: ['link', 'mysql'] };
    cluster = await TestCluster.start({ replicas: 1, settings: { tls } });
    n1 = cluster.node('n1');
    n2 = cluster.node('n2');
    const number = (address: string | null | undefined) => Number(address?.split(':')[1]);
    for (const { name, mysqlRw, mysqlRo } of (await n1.cluster()).members) {
      ports.set(name, { rw: number(mysqlRw), ro: number(mysqlRo) });
    }
  });

  afterAll(async () => {
    await cluster?.dispose();
    rmSync(directory, { recursive: true, force: true });
  });
  showLogsOnFailure(() => cluster);

  const mysql = (port: number, trust: string) =>
    createConnection({
      host: '127.0.0.1',
      port,
      user: 'app',
      password: n1.password('app'),
      ssl: { ca: trust, rejectUnauthorized: true, verifyIdentity: true },
    });

  async function serialOf(socket: TLSSocket): Promise<string> {
    await once(socket, 'secureConnect');
    const serial = socket.getPeerCertificate().serialNumber;
    socket.destroy();
    return serial;
  }

  const dialLink = (identity: object) =>
    tlsConnect({ host: '127.0.0.1', port: n1.linkPort, ca, ...identity }).on('error', () => {});

  const refusals = async () =>
    (await n1.request('GET', '/v1/logs?text=LINK_TLS_REFUSED&part=link&tail=1000')).text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { message: string }).message);

  function closed(socket: Socket): Promise<void> {
    socket.resume();
    return new Promise((resolve) => socket.once('close', () => resolve()));
  }

  describe('the link', () => {
    it('carries everything between nodes that show the certificate of their authority', async () => {
      await n1.sql('CREATE DATABASE sealed');
      const { position } = await n1.sql('CREATE TABLE sealed.t (id INT PRIMARY KEY)');
      await n2.sql('SELECT * FROM sealed.t', [], { read: { level: 'session', after: position } });
      expect((await n2.request('GET', '/metrics')).text).toMatch(/^skein_link_up 1$/m);
      const socket = dialLink({ cert: pem(own.certificate), key: pem(own.key) });
      expect(await serialOf(socket)).not.toBe('');
    });

    it('is closed to a dialler without a certificate, or with one of another authority, and says why', async () => {
      const other = stranger.sign('other');
      for (const [identity, reason] of [
        [{}, 'It showed no certificate'],
        [{ cert: pem(other.certificate), key: pem(other.key) }, 'has not signed it'],
      ] as const) {
        await closed(dialLink(identity));
        await until(`the log says "${reason}"`, async () =>
          (await refusals()).some((text) => text.includes(reason)),
        );
      }
    });

    it('is closed to one that does not speak TLS, and says so', async () => {
      const socket = netConnect({ host: '127.0.0.1', port: n1.linkPort }).on('error', () => {});
      socket.end('GET / HTTP/1.1\r\n\r\n');
      await closed(socket);
      await until('the log says it', async () =>
        (await refusals()).some((text) => text.includes('does not speak TLS')),
      );
    });
  });

  describe('the MySQL ports', () => {
    it('lead to a server whose certificate is verified, from every node', async () => {
      for (const port of [ports.get('n1')?.rw, ports.get('n2')?.rw, ports.get('n2')?.ro]) {
        const client = await mysql(port ?? 0, ca);
        const [[row]] = await client.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Ssl_version'");
        expect(row?.Value).toMatch(/^TLSv1\.[23]$/);
        client.destroy();
      }
      await expect(mysql(ports.get('n1')?.rw ?? 0, pem(stranger.ca))).rejects.toThrow(/certificate/);
    });

    it('satisfy --ssl-verify-server-cert of the client', async () => {
      const client = await mariadbClient();
      const run = (trust: string) =>
        promisify(execFile)(client, [
          `--defaults-file=${join(cluster.directory, 'mysql.cnf')}`,
          ...['-P', String(ports.get('n2')?.rw), '--ssl-verify-server-cert', `--ssl-ca=${trust}`],
          ...[
            '-N',
            '-e',
            'SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = "ssl_cipher"',
          ],
        ]);
      expect((await run(authority.ca)).stdout.trim()).not.toBe('');
      await expect(run(stranger.ca)).rejects.toThrow(/certificate|SSL|TLS/);
    });
  });

  describe('a new certificate', () => {
    it('is taken by the link and the server without a restart; one that is not in order is not', async () => {
      const pids = () => Promise.all([n1.pid('node'), n1.pid('server'), n2.pid('node'), n2.pid('server')]);
      const before = await pids();
      const linkSerial = () => serialOf(dialLink({ cert: pem(own.certificate), key: pem(own.key) }));
      const serverSerial = async () => {
        const client = await mysql(ports.get('n2')?.ro ?? 0, ca);
        const [[row]] = await client.query<RowDataPacket[]>("SHOW STATUS LIKE 'Ssl_server_not_after'");
        client.destroy();
        return String(row?.Value);
      };
      const old = { link: await linkSerial(), server: await serverSerial() };

      authority.sign('node', { days: -1 });
      await until('the expired one is refused', async () => {
        const { text } = await n1.request('GET', '/v1/logs?part=tls&level=error');
        return text.includes('expired at');
      });
      authority.sign('node', { days: 40 });
      await until('the link shows the new one', async () => (await linkSerial()) !== old.link);
      await until('the server shows the new one', async () => (await serverSerial()) !== old.server);
      const { position } = await n1.sql('INSERT INTO sealed.t VALUES (1)');
      await n2.sql('SELECT 1', [], { read: { level: 'session', after: position } });
      expect(await pids()).toEqual(before);
    });
  });

  it('has an end that the metrics tell and the alert rule asks for', async () => {
    const samples = parseScrape((await n1.request('GET', '/metrics')).text);
    const ends = sampleValue(samples, 'skein_certificate_expires_timestamp_seconds');
    expect(ends * 1000 - Date.now()).toBeGreaterThan(0);
    const rules = alertExpressions(
      readFileSync(join(import.meta.dirname, '../../monitoring/alerts.yml'), 'utf8'),
    );
    expect(faultsOf(rules.get('SkeinCertificateEnds') ?? 'no rule', samples)).toEqual([]);
  });

  it('a node whose certificate has expired says so, and does not start', async () => {
    const node = join(directory, 'x');
    const config = {
      ...(JSON.parse(readFileSync(join(n2.directory, 'node.json'), 'utf8')) as object),
      directory: node,
      tls: { ...authority.sign('late', { days: -1 }), ca: authority.ca },
    };
    writeFileSync(join(directory, 'x.json'), JSON.stringify(config));
    const { code, stderr } = await skein(['node', '--config', join(directory, 'x.json')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/late\.crt \(CN=late\) expired at/);
    expect(readdirSync(node)).not.toContain('data');
  });
});
