import { describe, expect, it } from 'vitest';
import type { AccountRows } from '../flavour/accounts.js';
import { mariadb } from '../flavour/mariadb/mariadb.js';
import type { User } from '../model/user.js';
import { userPassword } from './accounts.js';
import { UserAccounts } from './user-accounts.js';

const { wantedAccounts, planAccounts } = mariadb.accounts;

const secret = Buffer.from('a secret');
const user = (more: Partial<User> = {}): User => ({
  name: 'shop',
  role: 'write',
  databases: null,
  salt: 'salt',
  createdAt: '',
  passwordAt: '',
  dropped: false,
  ...more,
});
const wanted = (users: readonly User[], open = true) =>
  wantedAccounts(users, { passwordOf: (one) => userPassword(secret, one), open });
const changes = (want: readonly AccountRows[], found: readonly AccountRows[]) =>
  planAccounts(want, found).changes;

describe('the accounts that a server should have', () => {
  it('are two for each user: one may only read, and nothing but its databases is seen', () => {
    const [reader, writer] = wanted([user()]);
    expect([reader?.host, writer?.host]).toEqual(['127.0.0.2', '127.0.0.1']);
    expect(reader?.databases.get('%')).toEqual(['Select_priv', 'Show_view_priv']);
    expect(writer?.databases.get('%')).toEqual(
      expect.arrayContaining(['Insert_priv', 'Create_tmp_table_priv']),
    );
    for (const hidden of ['mysql', 'sys', 'skein']) expect(writer?.databases.get(hidden)).toEqual([]);
    const [, limited] = wanted([user({ databases: ['my_shop'] })]);
    expect([...(limited?.databases.keys() ?? [])]).toEqual(['my\\_shop']);
    const reads = wanted([user({ role: 'read' })]);
    expect(reads.map(({ host }) => host)).toEqual(['127.0.0.2']);
  });

  it('lack INSERT on a replica', () => {
    const [, writer] = wanted([user()], false);
    expect(writer?.databases.get('%')).not.toContain('Insert_priv');
    expect(writer?.databases.get('%')).toContain('Update_priv');
  });

  it('keep the name without rights on a replica while one is dropped, and not on an open primary', () => {
    expect(wanted([user({ dropped: true })])).toEqual([]);
    for (const account of wanted([user({ dropped: true })], false)) {
      expect([account.locked, account.databases.size]).toEqual([true, 0]);
    }
  });

  it('have another password with another salt', () => {
    const [a, b, c] = [user(), user({ salt: 'other' }), user({ name: 'other' })].map(
      (one) => wanted([one])[0]?.hash,
    );
    expect(new Set([a, b, c]).size).toBe(3);
  });
});

describe('what has to be done', () => {
  const now = wanted([user()]);

  it('is nothing when all is as it should be', () => {
    expect(planAccounts(now, wanted([user()]))).toEqual({ statements: [], changes: [] });
  });

  it('is told by what is not', () => {
    expect(changes(now, [])).toEqual([{ name: 'shop', what: 'made' }]);
    expect(changes(now, now.slice(0, 1))).toEqual([{ name: 'shop', what: 'made' }]);
    expect(changes(wanted([user({ salt: 'new' })]), now)).toEqual([{ name: 'shop', what: 'password' }]);
    expect(changes(now, wanted([user()], false))).toEqual([{ name: 'shop', what: 'rights' }]);
    expect(changes([], now)).toEqual([{ name: 'shop', what: 'dropped' }]);
    expect(changes(wanted([user({ dropped: true })], false), now)).toEqual([
      { name: 'shop', what: 'dropped' },
    ]);
  });

  it('leaves alone who is at the writers’ address only: nobody of ours is', () => {
    const stranger = now.filter(({ host }) => host === '127.0.0.1');
    expect(planAccounts([], stranger).statements).toEqual([]);
  });

  it('takes the mark of being ours away last', () => {
    const hosts = planAccounts([], now).statements.map(
      (sql) => /Host = CONVERT\(_binary x'(\w+)'/.exec(sql)?.[1],
    );
    const hex = (text: string) => Buffer.from(text).toString('hex');
    expect(hosts[0]).toBe(hex('127.0.0.1'));
    expect(hosts.at(-1)).toBe(hex('127.0.0.2'));
  });

  it('puts no name into a statement as it is', () => {
    const { statements } = planAccounts(wanted([user({ databases: ["'; DROP"] })]), []);
    expect(statements.join()).not.toContain('DROP');
  });
});

describe('a server', () => {
  /** With an account whose row is gone; its tables do as they are told, and it fails where it is told. */
  function server() {
    const state = { found: wanted([user({ role: 'read' })]), fails: '', flushes: 0 };
    const query = async (sql: string) => {
      if (state.fails !== '' && sql.startsWith(state.fails)) throw new Error('the connection was lost');
      if (sql === 'FLUSH LOCAL PRIVILEGES') state.flushes++;
      if (sql.startsWith('DELETE FROM mysql.global_priv')) state.found = [];
      if (sql.includes('information_schema.tables')) return [{ found: 1 }];
      if (sql.includes('@@global.read_only')) return [{ closed: '0' }];
      if (!sql.includes('Priv FROM mysql.global_priv')) return [];
      return state.found.map(({ name, host, hash }) => ({
        ...{ User: name, Host: host },
        Priv: JSON.stringify({ access: 0, plugin: 'mysql_native_password', authentication_string: hash }),
      }));
    };
    return { state, accounts: new UserAccounts({ secret }, { query, sql: mariadb.accounts }) };
  }

  it('loads what its tables say, also when only that failed before', async () => {
    const { state, accounts } = server();
    state.fails = 'FLUSH';
    await expect(accounts.reconcile()).rejects.toThrow('the connection was lost');
    expect(state.found).toEqual([]);
    state.fails = '';
    // The tables are as they should be by now, and what was done there is told once.
    expect(await accounts.reconcile({ ifChanged: true })).toMatchObject({
      changes: [{ name: 'shop', what: 'dropped' }],
      restored: false,
    });
    expect(state.flushes).toBe(1);
    expect(await accounts.reconcile()).toMatchObject({ changes: [] });
    expect(state.flushes).toBe(1);
  });

  it('loads them for each node: the one before may have died between the two', async () => {
    const { state, accounts } = server();
    state.found = [];
    await accounts.reconcile();
    accounts.forget();
    await accounts.reconcile();
    expect(state.flushes).toBe(2);
  });
});
