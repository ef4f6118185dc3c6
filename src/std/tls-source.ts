import type { Emitter } from './emitter.js';

/** PEM texts. */
export interface TlsIdentity {
  /** The certificate, and those between it and the authority. */
  readonly cert: string;
  readonly key: string;
  /** The authorities whose certificates are accepted; undefined = the system's authorities. */
  readonly ca?: string;
}

/** A certificate that may be replaced while we run. */
export interface TlsSource {
  readonly current: TlsIdentity;
  /** Emitted when the certificate has been replaced. */
  readonly onChange: Emitter<void>;
}
