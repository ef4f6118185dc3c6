import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CAPABILITY, encodeGreeting } from '../mysql-protocol/login.js';
import { encodeErr, packet } from '../mysql-protocol/packets.js';
import { LoginWatch } from './login-watch.js';

const greeting = packet(
  0,
  encodeGreeting(
    { serverVersion: '5.5.5-10.11.19-MariaDB', connectionId: 4711, nonce: Buffer.alloc(20, 1), plugin: 'x' },
    0xffff,
  ),
);
const login = (capabilities: number = CAPABILITY.protocol41, sequence = 1) => {
  const body = Buffer.alloc(40);
  body.writeUInt32LE(capabilities, 0);
  return packet(sequence, body);
};
const ok = (sequence: number) => packet(sequence, Buffer.from([0, 0, 0, 2, 0, 0, 0]));
const switchPlugin = packet(2, Buffer.from([0xfe, ...Buffer.from('mysql_native_password\0nonce')]));
const answer = (sequence: number) => packet(sequence, Buffer.from('an answer of 20 bytes'));
const command = packet(0, Buffer.from('\u0003SELECT 1'));

function watched(): LoginWatch {
  const watch = new LoginWatch();
  watch.server(greeting);
  return watch;
}

it("knows the thread, and that somebody is in by the server's OK alone", () => {
  const watch = watched();
  expect(watch.threadId).toBe(4711);
  expect(watch.client(login(CAPABILITY.protocol41 | CAPABILITY.multiStatements))).toBeNull();
  expect(watch.state).toBe('before');
  watch.server(ok(2));
  expect([watch.state, watch.multiStatements, watch.compressed]).toEqual(['in', true, false]);
});

it('goes through another plugin, and what the server says in between', () => {
  const watch = watched();
  watch.client(login());
  watch.server(switchPlugin);
  expect(watch.client(answer(3))).toBeNull();
  watch.server(packet(4, Buffer.from([1, 3])));
  expect(watch.state).toBe('before');
  watch.server(ok(5));
  expect(watch.state).toBe('in');
});

it('sees where TLS and compression begin', () => {
  const tls = watched();
  expect(
    tls.client(Buffer.concat([login(CAPABILITY.ssl), Buffer.from('\u0016\u0003\u0001 hello')])),
  ).toBeNull();
  expect(tls.state).toBe('hidden');
  const compressed = watched();
  compressed.client(login(CAPABILITY.compress));
  compressed.server(ok(2));
  expect([compressed.state, compressed.compressed]).toEqual(['in', true]);
});

describe('is no login', () => {
  it.each<[string, Buffer[]]>([
    ['a command before anything', [command]],
    ['a made-up login and a command behind it (A1)', [login(), command]],
    ['a command in place of an answer', [login(), answer(3), command]],
    ['a login with another number', [login(CAPABILITY.protocol41, 3)]],
    ['HTTP', [Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')]],
    ['an empty packet', [packet(1, Buffer.alloc(0))]],
  ])('%s', (_name, bytes) => {
    const watch = watched();
    expect(watch.client(Buffer.concat(bytes))).toEqual(expect.any(String));
  });

  it('an OK that comes while the client is in the middle of another packet', () => {
    const watch = watched();
    watch.client(Buffer.concat([login(), answer(3).subarray(0, 9)]));
    watch.server(ok(2));
    expect(watch.clientIsAhead).toBe(true);
  });
});

it('a refused login, or a server that is full, lets nobody in', () => {
  const full = new LoginWatch();
  full.server(packet(0, encodeErr({ errno: 1040, sqlState: '08004', message: 'Too many connections' })));
  expect([full.threadId, full.state]).toEqual([null, 'before']);
  const watch = watched();
  watch.client(login());
  watch.server(packet(2, encodeErr({ errno: 1045, sqlState: '28000', message: 'Access denied' })));
  expect(watch.state).toBe('before');
});

it('is the same for every cut of both streams', () => {
  const cutInto = (bytes: Buffer, cuts: number[]): Buffer[] => {
    const chunks: Buffer[] = [];
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      if (from < bytes.length) chunks.push(bytes.subarray(from, from + cut + 1));
      from += cut + 1;
    }
    return chunks;
  };
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 40 }), (cuts) => {
      const watch = new LoginWatch();
      for (const chunk of cutInto(greeting, cuts)) watch.server(chunk);
      for (const chunk of cutInto(login(), cuts)) expect(watch.client(chunk)).toBeNull();
      for (const chunk of cutInto(switchPlugin, cuts)) watch.server(chunk);
      for (const chunk of cutInto(answer(3), cuts)) expect(watch.client(chunk)).toBeNull();
      expect([watch.threadId, watch.state, watch.clientIsAhead]).toEqual([4711, 'before', false]);
      for (const chunk of cutInto(ok(4), cuts)) watch.server(chunk);
      expect(watch.state).toBe('in');
    }),
  );
});
