import type { Emitter } from './emitter.js';

/** PEM texts. */
export interface TlsIdentity {
  /** The certificate, and those between it and the authority. */
  readonly cert: string;
  readonly key: string;
  /** The authorities whose certificates are taken; undefined = those that every machine knows. */
  readonly ca?: string;
}

/** A certificate that may be replaced while we run. */
export interface TlsSource {
  readonly current: TlsIdentity;
  /** There is another one now. */
  readonly onChange: Emitter<void>;
}
