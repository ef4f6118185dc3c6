import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { until } from '../../test/kit/until.js';
import { type Logger, silentLogger } from '../std/logger.js';
import { SystemdWatchdog, watchdogPlan } from './systemd-watchdog.js';

const WATCHED = {
  NOTIFY_SOCKET: '/run/systemd/notify',
  WATCHDOG_USEC: '9000000',
  PATH: '/usr/bin',
  TOKEN: 'x',
};

describe('watchdogPlan', () => {
  it('sends three times in the time that systemd waits, and passes on nothing else of the environment', () => {
    expect(watchdogPlan(WATCHED, 7)).toEqual({
      intervalMs: 3000,
      env: { NOTIFY_SOCKET: '/run/systemd/notify', PATH: '/usr/bin' },
    });
  });

  it('is for the process that systemd watches only', () => {
    expect(watchdogPlan({ ...WATCHED, WATCHDOG_PID: '7' }, 7)).not.toBeNull();
    expect(watchdogPlan({ ...WATCHED, WATCHDOG_PID: '8' }, 7)).toBeNull();
  });

  it.each([
    {},
    { WATCHDOG_USEC: '9000000' },
    { NOTIFY_SOCKET: '/run/systemd/notify' },
    { ...WATCHED, WATCHDOG_USEC: 'soon' },
    { ...WATCHED, WATCHDOG_USEC: '0' },
  ])('is null where nobody watches: %o', (env) => {
    expect(watchdogPlan(env, 7)).toBeNull();
  });
});

describe('SystemdWatchdog', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-notify-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  // In the place of the real one, which needs a systemd to answer it.
  const script = join(directory, 'systemd-notify');
  const messages = join(directory, 'messages');
  writeFileSync(script, `#!/bin/sh\necho "$NOTIFY_SOCKET" "$@" >> ${messages}\n`);
  chmodSync(script, 0o755);
  const env = { NOTIFY_SOCKET: '/the/socket', WATCHDOG_USEC: '1500000', PATH: `${directory}:/usr/bin:/bin` };

  it('sends from the start on, again and again, and says that it ends', async () => {
    const watchdog = SystemdWatchdog.start({ env, pid: 1 }, { logger: silentLogger });
    const sent = () => (existsSync(messages) ? readFileSync(messages, 'utf8').split('\n') : []);
    await until('three messages', () => sent().length > 3, { deadlineMs: 15_000 });
    expect(sent().slice(0, 2)).toEqual(['/the/socket READY=1 WATCHDOG=1', '/the/socket WATCHDOG=1']);
    watchdog?.stop();
    await until('the last one', () => sent().some((line) => line.includes('STOPPING=1')), {
      deadlineMs: 15_000,
    });
  });

  it('says that it ends also when the message before is still on its way', async () => {
    rmSync(messages, { force: true });
    SystemdWatchdog.start({ env, pid: 1 }, { logger: silentLogger })?.stop();
    await until('both', () => existsSync(messages) && readFileSync(messages, 'utf8').includes('STOPPING=1'));
    expect(readFileSync(messages, 'utf8').split('\n')[0]).toBe('/the/socket READY=1 WATCHDOG=1');
  });

  it('says once that messages cannot be sent', async () => {
    const errors: unknown[] = [];
    const logger: Logger = { ...silentLogger, error: (data) => void errors.push(data) };
    const watchdog = SystemdWatchdog.start({ env: { ...env, PATH: '/nowhere' }, pid: 1 }, { logger });
    await until('it is said', () => errors.length > 0, { deadlineMs: 15_000 });
    watchdog?.stop();
    expect(errors).toHaveLength(1);
  });
});
