import { expect, it } from 'vitest';
import { heartbeatBody } from '../../test/kit/link.js';
import { metricsText } from '../metrics/text.js';
import { NodeMetrics } from './metrics.js';

function textOf(witness: boolean): string {
  const server = witness
    ? { flavour: null, version: null, pid: null, up: false }
    : heartbeatBody('n2', 'replica').server;
  const heartbeat = { ...heartbeatBody('n2', 'replica'), server };
  const families = new NodeMetrics().families({
    ...{ cluster: 'shop', version: '1', heartbeat, witness, open: !witness, ready: true },
    ...{ events: new Map(), certificateExpiresAtMs: null, seedBytesSent: 0 },
  });
  return metricsText(families);
}

it('a witness says nothing of a server, so that no alert takes it for one that is down', () => {
  const [replica, witness] = [textOf(false), textOf(true)];
  const aboutServers = /^skein_(open|server_up|server_info)[ {]/m;
  expect([aboutServers.test(replica), aboutServers.test(witness)]).toEqual([true, false]);
  expect(witness).toContain('skein_role{role="witness"} 1');
  expect(replica).toContain('skein_role{role="replica"} 1');
  expect(witness).toContain('skein_ready 1');
});
