import { statSync } from 'node:fs';
import { messageOf } from '../model/error.js';
import { Emitter } from '../std/emitter.js';
import type { Logger } from '../std/logger.js';
import type { TlsSource } from '../std/tls-source.js';
import { type LoadedTls, loadTls, type TlsPaths } from './load.js';

/** Poll interval of the files. `stat` on three files costs nothing, and works where notifications do not. */
const LOOK_MS = 1000;
const EXPIRES_SOON_MS = 14 * 24 * 3600 * 1000;

/**
 * A node's certificate, as its files have it now. New files are used within about a second; invalid ones
 * (perhaps replaced only in part) are logged once, and the old certificate stays until they are valid.
 */
export class TlsFiles implements TlsSource {
  readonly onChange = new Emitter<void>();
  readonly #paths: TlsPaths;
  readonly #log: Logger;
  #current: LoadedTls;
  #seen: string;
  #refused = '';
  #timer: NodeJS.Timeout | null = null;

  /** @throws SkeinError as loadTls */
  constructor(paths: TlsPaths, modules: { log: Logger }) {
    this.#paths = paths;
    this.#log = modules.log;
    this.#seen = this.#look();
    this.#current = loadTls(paths);
    this.#tell('certificate loaded');
  }

  get current(): LoadedTls {
    return this.#current;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#reload(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #reload(): void {
    const seen = this.#look();
    if (seen === this.#seen) return;
    try {
      this.#current = loadTls(this.#paths);
    } catch (error) {
      // Tried again at each poll until the files are valid.
      const reason = messageOf(error);
      if (reason !== this.#refused) {
        this.#log.error({ reason }, 'the new certificate is not used; the old one stays in use');
      }
      this.#refused = reason;
      return;
    }
    this.#seen = seen;
    this.#refused = '';
    this.#tell('certificate changed');
    this.onChange.emit();
  }

  #tell(message: string): void {
    const { subject, expiresAtMs } = this.#current;
    const data = { subject, expiresAt: new Date(expiresAtMs).toISOString() };
    if (expiresAtMs - Date.now() < EXPIRES_SOON_MS) this.#log.warn({ ...data, soon: true }, message);
    else this.#log.info(data, message);
  }

  /** Changes when one of the files does. */
  #look(): string {
    const { certificate, key, ca } = this.#paths;
    return [certificate, key, ...(ca === null ? [] : [ca])]
      .map((path) => {
        const stats = statSync(path, { throwIfNoEntry: false });
        return stats ? `${stats.ino}:${stats.mtimeMs}:${stats.size}` : 'none';
      })
      .join(' ');
  }
}
