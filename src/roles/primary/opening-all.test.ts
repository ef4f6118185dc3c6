import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochEntry } from '../../../test/kit/chain-entry.js';
import { at, attachInfo } from '../../../test/kit/link.js';
import { EventLog } from '../../events/event-log.js';
import { mariadb } from '../../flavour/mariadb/mariadb.js';
import type { ReplicaSession } from '../../link/listener-session.js';
import { ORIGIN } from '../../model/position.js';
import { Emitter } from '../../std/emitter.js';
import { silentLogger } from '../../std/logger.js';
import { BootNumbers } from './boot-numbers.js';
import { NOT_OPENING } from './opening.js';
import { OpeningWork, type OpeningWorkModules } from './opening-work.js';
import { ReplicaSet } from './replica-set.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-opening-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const listed = (name: string) => ({
  ...{ name, incarnation: `${name}-disk`, voter: true, link: { host: 'h', port: 1 }, http: '' },
  ...{ mysqlRw: null, mysqlRo: null },
});

function session(node: string): ReplicaSession {
  const emitters = [
    'onDrain',
    'onAck',
    'onHeartbeat',
    'onAdopted',
    'onEcho',
    'onDefinitions',
    'onVerify',
    'onClosed',
  ];
  const { spoolEnd, ...rest } = attachInfo(node, { spoolEnd: at(1, 5) });
  return {
    ...{ node, attach: { ...rest, spoolEnd }, blocked: true, sendRecords: () => true, sendCommitted() {} },
    ...Object.fromEntries(emitters.map((name) => [name, new Emitter()])),
  } as unknown as ReplicaSession;
}

/** Where n1 is the primary of three voters whose logs end with 5, at the level `all`. */
function opening() {
  const chain = [epochEntry(1, at(1, 5), ['n1', 'n2', 'n3'].map(listed))];
  const events = new EventLog({ node: 'n1' }, { logger: silentLogger, audit: { add: () => {} } });
  const replicas = new ReplicaSet(
    { node: 'n1', acknowledge: 'all', hubWindowBytes: 1024 },
    {
      ...{ events, isHeard: () => true, chain: () => chain, keptChain: () => chain, moved: () => {} },
      gtidText: mariadb.gtidText,
      logBegin: async () => ORIGIN,
      boots: new BootNumbers(directory, { logger: silentLogger }),
      catchUp: () => {
        throw new Error('nobody is fed here');
      },
    },
  );
  replicas.begin(5, 0);
  replicas.setOwnDurable(5);
  const onChange = new Emitter<void>();
  replicas.onAttached.on(() => onChange.emit());
  const work = new OpeningWork({ node: 'n1', acknowledge: 'all' }, {
    ...{ logger: silentLogger, replicas, onChange, feed: { run() {} }, waiting() {} },
    ...{ checks: { begin() {} }, logEndFile: { load: async () => 5 } },
    ...{ epochs: { positionOf: () => at(1, 5) }, ownLog: { end: at(1, 5) } },
    control: () => ({ status: async () => ({ gtidBinlogPos: at(1, 5).gtid, readOnly: true }) }),
  } as unknown as OpeningWorkModules);
  return { replicas, work };
}

it.each(['awaitQuorum', 'replicateLog'] as const)(
  'the step %s of a primary needs a majority, also with `all` while a voter is lost (rule M5)',
  async (step) => {
    const { replicas, work } = opening();
    const late = new AbortController();
    const looked = await work.run({ ...NOT_OPENING, step: 'inspect' }, late.signal);
    expect(looked).toEqual({ kind: 'inspected', finding: 'closed' });
    const done = work.run({ ...NOT_OPENING, step }, late.signal);
    replicas.attach(session('n2'));
    setImmediate(() => late.abort(new Error('it waits for the voter that is lost')));
    expect(await done).toEqual({ kind: 'done' });
  },
);
