/** What a machine that wants to join says of itself, and what it is told. Data only. */
import { Type } from '@sinclair/typebox';

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });

/** `details` of a join request. */
export const JoinDetails = Type.Object(
  {
    /** Null in the step `check`: the cluster chooses one. */
    name: Type.Union([Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' }), Type.Null()]),
    /** Versions of its Skein and of its link protocol. */
    skein: Type.String({ maxLength: 64 }),
    link: Type.Integer(),
    /** Null: it is to be a witness, without a server. */
    server: Type.Union([
      Type.Object({ flavour: Type.String({ maxLength: 64 }), version: Type.String({ maxLength: 64 }) }),
      Type.Null(),
    ]),
    /** Name or address under which the others and clients reach it. */
    host: Type.String({ pattern: '^[A-Za-z0-9._:-]{1,253}$' }),
    ports: Type.Object({
      http: Port,
      link: Port,
      mysql: Type.Union([Type.Object({ readWrite: Port, readOnly: Port }), Type.Null()]),
    }),
    /** Of the disk that its data will be on. */
    freeBytes: Type.Number({ minimum: 0 }),
    /** PEM; null: it has a certificate of its own, or needs none. */
    publicKey: Type.Union([Type.String({ maxLength: 1024 }), Type.Null()]),
    hasCertificate: Type.Boolean(),
  },
  { additionalProperties: false },
);

export type TlsPort = 'http' | 'link' | 'mysql';

/** How the nodes of the cluster use TLS. */
export interface JoinTls {
  readonly ports: readonly TlsPort[];
  /** Whether the cluster makes the new member's certificate. */
  readonly issues: boolean;
  /** Certificate of its authority (PEM); null: one that every machine knows. */
  readonly ca: string | null;
}

/** Answer of the step `check`: all is well so far. */
export interface JoinOffer {
  readonly cluster: string;
  readonly clusterId: string;
  /** Of the new member: the one that was asked for, else a free one. */
  readonly name: string;
  readonly members: readonly string[];
  readonly tls: JoinTls | null;
}

/** Answer of the step `join`: the machine is a member. */
export interface JoinWelcome {
  readonly cluster: string;
  readonly clusterId: string;
  readonly acknowledge: 'majority' | 'all' | 'async';
  readonly secret: string;
  /** Of the primary. */
  readonly contact: { readonly host: string; readonly port: number };
  readonly tls: (JoinTls & JoinCertificates) | null;
}

/** PEM texts; null where the new member brings its own certificate. */
export interface JoinCertificates {
  readonly certificate: string | null;
  readonly caKey: string | null;
}
