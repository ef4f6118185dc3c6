import type { LoginMethod } from '../mysql-protocol/login-method.js';

/** What a replication source says to the IO thread of a server. The endpoint owns the connection. */
export interface SourceSide {
  /** The version that the endpoint names in its greeting. */
  readonly serverVersion: string;
  /** How the IO thread logs in. */
  readonly login: LoginMethod;
  /** `serverId`: shown as the source's; never the reader's own. */
  conversation(options: { readonly serverId: number }): SourceConversation;
  /** The event behind the format at the head of a stream. `after`: what the reader has, as it said; '' = nothing. */
  beginEvent(serverId: number, after: string): Buffer;
  /**
   * Tells an idle reader that its source lives. `file`: the one that the last ROTATE named; `position`: the bytes since then,
   * at least as many as the reader counts.
   */
  heartbeatEvent(serverId: number, place: { file: string; position: number }): Buffer;
}

/** The commands that an IO thread sends before it asks for a dump, and the answers. Pure. */
export interface SourceConversation {
  /**
   * @param payload  of a command packet
   * @throws SkeinError INVALID_GTID
   */
  answer(payload: Buffer): SourceReply;
}

export type SourceReply =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** `after`: the GTID up to which the server has everything; '' = it has nothing. */
  | { readonly kind: 'dump'; readonly after: string; readonly heartbeatMs: number }
  | { readonly kind: 'refused'; readonly bytes: Buffer; readonly statement: string }
  | { readonly kind: 'quit' };
