import type { ServerResponse } from 'node:http';

/** What a handler answers with. `facts` go into the request's log line. */
export type HandlerReply =
  | {
      readonly kind: 'json';
      readonly status?: number;
      /** A value to serialise, or finished JSON text. */
      readonly body: object | string;
      readonly contentType?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly facts?: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'stream'; start(response: ServerResponse): void }
  /** After `openStream`; `finish` writes what is left and ends the answer. */
  | { readonly kind: 'sent'; readonly facts?: Readonly<Record<string, unknown>>; finish(): void };
