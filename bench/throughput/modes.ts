import type { AcknowledgeLevel } from '../../src/model/status.js';

/** One way of replicating, with its own servers. */
export type Mode = {
  readonly id: string;
  readonly label: string;
  readonly replicas: number;
} & (
  | {
      readonly kind: 'native';
      readonly semiSync: boolean;
      /** A replica has what it acknowledges on its disk (`sync_relay_log=1`), as Skein's has. */
      readonly durable?: true;
      /** The replicas' commits gather, always, as Skein lets them while many come. */
      readonly gathering?: true;
    }
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
      id: `native-semisync-durable${suffix}`,
      label: `native semi-sync with durable replicas, ${text}`,
      replicas,
      kind: 'native',
      semiSync: true,
      durable: true,
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

const USUAL_MODES: readonly Mode[] = [
  { id: 'plain', label: 'one server, no replica', replicas: 0, kind: 'native', semiSync: false },
  ...both(2),
  ...both(1),
];

/** What runs unless others are asked for. */
export const USUAL_MODE_IDS: readonly string[] = USUAL_MODES.map(({ id }) => id);

export const MODES: readonly Mode[] = [
  ...USUAL_MODES,
  {
    id: 'native-async-gathering',
    label: 'native async, 2 replicas whose commits gather',
    replicas: 2,
    kind: 'native',
    semiSync: false,
    gathering: true,
  },
  {
    id: 'native-semisync-gathering',
    label: 'native semi-sync, 2 replicas whose commits gather',
    replicas: 2,
    kind: 'native',
    semiSync: true,
    gathering: true,
  },
];

/** What daily use compares. */
export const SHORT_MODES = [
  'plain',
  'native-async',
  'native-semisync',
  'native-semisync-durable',
  'skein-majority',
];

/** With one replica only this workload is run, unless it is asked for: the goals are about two. */
export const ONE_REPLICA_WORKLOAD = 'oltp_write_only';

export function modeOf(id: string): Mode {
  const mode = MODES.find((candidate) => candidate.id === id);
  if (mode === undefined) {
    throw new Error(`There is no mode "${id}"; there are: ${MODES.map((one) => one.id).join(', ')}`);
  }
  return mode;
}
