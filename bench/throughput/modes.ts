import type { AcknowledgeLevel } from '../../src/model/status.js';

/** One way of replicating, with its own servers. */
export type Mode = {
  readonly id: string;
  readonly label: string;
  readonly replicas: number;
} & (
  | { readonly kind: 'native'; readonly semiSync: boolean }
  | { readonly kind: 'skein'; readonly acknowledge: AcknowledgeLevel }
);

const both = (replicas: 1 | 2) => {
  const suffix = replicas === 2 ? '' : '-1';
  const text = replicas === 2 ? '2 replicas' : '1 replica';
  return [
    {
      id: `native-async${suffix}`,
      label: `native async, ${text}`,
      replicas,
      kind: 'native',
      semiSync: false,
    },
    {
      id: `native-semisync${suffix}`,
      label: `native semi-sync, ${text}`,
      replicas,
      kind: 'native',
      semiSync: true,
    },
    {
      id: `skein-async${suffix}`,
      label: `Skein async, ${text}`,
      replicas,
      kind: 'skein',
      acknowledge: 'async',
    },
    {
      id: `skein-majority${suffix}`,
      label: `Skein majority, ${text}`,
      replicas,
      kind: 'skein',
      acknowledge: 'majority',
    },
  ] as const satisfies readonly Mode[];
};

export const MODES: readonly Mode[] = [
  { id: 'plain', label: 'one server, no replica', replicas: 0, kind: 'native', semiSync: false },
  ...both(2),
  ...both(1),
];

/** What daily use compares. */
export const SHORT_MODES = ['plain', 'native-async', 'native-semisync', 'skein-majority'];

/** With one replica only this workload is run, unless it is asked for: the goals are about two. */
export const ONE_REPLICA_WORKLOAD = 'oltp_write_only';

export function modeOf(id: string): Mode {
  const mode = MODES.find((candidate) => candidate.id === id);
  if (mode === undefined) {
    throw new Error(`There is no mode "${id}"; there are: ${MODES.map((one) => one.id).join(', ')}`);
  }
  return mode;
}
