import { type MemberPlace, placeFault } from '../model/members.js';

/** The part of a node's configuration about its addresses. */
interface PlaceSettings {
  readonly name: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly link: { readonly host: string; readonly port: number };
  readonly mysqlPorts: {
    readonly host: string;
    readonly readWrite: number;
    readonly readOnly: number;
  } | null;
  readonly advertise: string | null;
  readonly tls: TlsPorts | null;
  readonly witness: boolean;
}

type Port = 'http' | 'link' | 'mysql';
interface TlsPorts {
  readonly ports?: readonly Port[] | undefined;
}

/** Whether this port of the node is to speak TLS. */
export function usesTls({ tls }: Pick<PlaceSettings, 'tls'>, port: Port): boolean {
  return tls !== null && (tls.ports === undefined || tls.ports.includes(port));
}

/** Where the other nodes and clients reach this node. */
export function ownPlace(config: PlaceSettings): MemberPlace {
  const { name, link, http, mysqlPorts, advertise, witness } = config;
  const at = (host: string, port: number) => `${bracketed(advertise ?? host)}:${port}`;
  return {
    name,
    link: { host: advertise ?? link.host, port: link.port },
    http: `${usesTls(config, 'http') ? 'https' : 'http'}://${at(http.host, http.port)}`,
    mysqlRw: mysqlPorts && at(mysqlPorts.host, mysqlPorts.readWrite),
    mysqlRo: mysqlPorts && at(mysqlPorts.host, mysqlPorts.readOnly),
    ...(witness && { witness }),
  };
}

/** The host as it is written before a port: an IPv6 address in brackets. */
function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** A node that listens on all of its addresses does not know at which of them the others reach it. */
const ANY_HOST = ['0.0.0.0', '::', '[::]'];

/** Null when the configuration gives an address for the others; else what is wrong. */
export function placeProblem(config: PlaceSettings): string | null {
  const { advertise, http, link, mysqlPorts } = config;
  const any = [http.host, link.host, mysqlPorts?.host ?? ''].find((host) => ANY_HOST.includes(host));
  if (advertise !== null || any === undefined) {
    const fault = placeFault(ownPlace(config));
    return (
      fault && `the others cannot reach this node: ${fault}; see "advertise", and "host" of "http" and "link"`
    );
  }
  return `"advertise" is missing; expected the host by which the other nodes and clients reach this node, which listens on ${any}`;
}
