/** The modules and the request that every handler gets. */
import type { ServerResponse } from 'node:http';
import type { NodeView } from '../../api/node-view.js';
import type { TokenRecord } from '../../auth/system-schema.js';
import type { TokenStore } from '../../auth/token-store.js';
import type { TokenUse } from '../../auth/token-use.js';
import type { AnswerRoom } from '../../sql/answer-room.js';
import type { SqlCaller, SqlModules } from '../../sql/execute.js';
import type { JoinTokenTable } from '../../sql/system/join-token-table.js';
import type { SystemTable } from '../../sql/system/system-table.js';
import type { TokenTable } from '../../sql/system/token-table.js';
import type { UserTable } from '../../sql/system/user-table.js';
import type { Cancellation } from '../../std/cancellation.js';
import type { HeldRequests } from '../held-requests.js';
import type { JoinDesk } from '../join-desk.js';
import type { RequestMeter } from '../request-meter.js';
import type { HandlerReply } from './reply.js';

export interface HandlerModules {
  readonly node: NodeView;
  readonly tokens: TokenStore;
  readonly tokenTable: TokenTable;
  readonly tokenUse: TokenUse;
  readonly users: UserTable;
  readonly joinTokens: JoinTokenTable;
  readonly joinDesk: JoinDesk;
  readonly systemTable: SystemTable;
  readonly sql: SqlModules;
  readonly held: HeldRequests;
  readonly meter: RequestMeter;
  /** Streams that must end when the server stops. */
  readonly openStreams: Set<() => void>;
}

export interface HandlerRequest {
  readonly requestId: string;
  /** Of the client. */
  readonly address: string;
  /** Null only where the endpoint needs no token. */
  readonly token: TokenRecord | null;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** The body as it came. */
  readonly rawBody: string;
  header(name: string): string | undefined;
  /**
   * Sends the head of the answer with the headers that every answer has. From then on the handler writes the body
   * itself, throws no more, and gives a reply of the kind `sent`.
   */
  openStream(status: number, headers: Readonly<Record<string, string>>): ServerResponse;
  /** For the text of an answer that is put together in memory. */
  readonly answerRoom: AnswerRoom;
  /** Cancelled when the client goes away before its answer, or its token is no longer valid. */
  readonly gone: Cancellation;
  /** Of the token as the client sent it. */
  tokenHash(): string;
  /** Calls the listener, once, when the token is no longer valid: it was revoked, rotated, or has expired. */
  onRevoked(listener: (reason: string) => void): void;
}

export function callerOf({ token, requestId, gone }: HandlerRequest): SqlCaller {
  return { role: token?.role ?? 'read', tokenId: token?.id ?? '', requestId, gone };
}

export type Handler = (
  request: HandlerRequest,
  modules: HandlerModules,
) => HandlerReply | Promise<HandlerReply>;
