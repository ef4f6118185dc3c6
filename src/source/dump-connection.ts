import { createConnection, type Socket } from 'node:net';
import type { DumpConversation } from '../flavour/flavour.js';
import { messageOf, SkeinError } from '../model/error.js';
import { answerLoginReply, decodeGreeting, encodeLogin } from '../mysql-protocol/login.js';
import { type LoginMethod, nativePassword } from '../mysql-protocol/login-method.js';
import {
  decodeErr,
  isErr,
  type Packet,
  PacketSplitter,
  packet,
  textCommand,
} from '../mysql-protocol/packets.js';

/** Logs in to a server as a replication client and leads the conversation up to the point where events flow. */
export interface DumpTarget {
  socketPath: string;
  user: string;
  password: string;
  /** Default: mysql_native_password. */
  method?: LoginMethod;
}

/** A login and a few SET statements on a local socket. A server that needs longer hangs. */
const CONVERSATION_DEADLINE_MS = 10_000;

export interface OpenDump {
  socket: Socket;
  /** Bytes after the last answer of the conversation: the first bytes of the event stream. */
  rest: Buffer;
}

/** Size of the read buffer. It is large so that a busy server's log needs few reads. */
export const DUMP_READ_BYTES = 128 * 1024;

/**
 * With `read`, the bytes after the conversation are given to it in one buffer that is reused for each read, so `read` must
 * copy what it keeps. Without `read`, the socket is an ordinary one.
 * @throws SkeinError DUMP_REFUSED with the server's errno in data, DUMP_UNREACHABLE, SERVER_AUTH_PLUGIN
 */
export function openDump(
  target: DumpTarget,
  conversation: DumpConversation,
  read?: (bytes: Buffer) => void,
): Promise<OpenDump> {
  let take: (bytes: Buffer) => void = () => {};
  const onread = read && {
    buffer: Buffer.allocUnsafeSlow(DUMP_READ_BYTES),
    callback: (size: number, buffer: Uint8Array) => {
      take((buffer as Buffer).subarray(0, size));
      return true;
    },
  };
  const socket = createConnection({ path: target.socketPath, ...(onread && { onread }) });
  return new Promise((resolve, reject) => {
    const splitter = new PacketSplitter();
    const steps = converse(target, conversation);
    const fail = (error: SkeinError) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () => fail(unreachable(`no answer within ${CONVERSATION_DEADLINE_MS} ms`)),
      CONVERSATION_DEADLINE_MS,
    );
    socket.on('error', (error) => fail(unreachable(error.message)));
    socket.on('close', () => fail(unreachable('the server closed the connection')));
    take = (chunk) => {
      splitter.push(chunk);
      try {
        for (let payload = splitter.next(); payload; payload = splitter.next()) {
          const step = steps.next({ sequence: splitter.sequence, payload });
          if (step.value) socket.write(step.value);
          if (!step.done) continue;
          clearTimeout(timer);
          socket.removeAllListeners();
          // An error before the caller listens must not end the process. The caller sees it in `destroyed`.
          socket.on('error', () => {});
          socket.pause();
          if (read) take = read;
          resolve({ socket, rest: splitter.takeRest() });
          return;
        }
      } catch (error) {
        fail(error instanceof SkeinError ? error : unreachable(messageOf(error)));
      }
    };
    if (!read) socket.on('data', (chunk: Buffer) => take(chunk));
    steps.next();
  });
}

function unreachable(why: string): SkeinError {
  return new SkeinError(
    'DUMP_UNREACHABLE',
    `The local server cannot be read as a replication source: ${why}.`,
  );
}

/** The conversation as a generator: takes received packets, yields packets to send, returns the request for the dump. */
function* converse(
  target: DumpTarget,
  conversation: DumpConversation,
): Generator<Buffer | undefined, Buffer | undefined, Packet> {
  const greeted = yield undefined;
  refuseErr(greeted, 'greeting');
  const greeting = decodeGreeting(greeted.payload);
  const { method = nativePassword } = target;
  let answered = yield packet(
    greeted.sequence + 1,
    encodeLogin(target.user, { method, answer: method.answer(target.password, greeting.nonce) }),
  );
  for (;;) {
    refuseErr(answered, `login as ${target.user}`);
    const answer = answerLoginReply(answered.payload, { method, password: target.password, isPrivate: true });
    if (answer === 'done') break;
    answered = yield answer === 'wait' ? undefined : packet(answered.sequence + 1, answer);
  }
  for (const query of conversation.queries) {
    refuseErr(yield textCommand(COM_QUERY, query), query);
  }
  for (const command of conversation.commands.slice(0, -1))
    refuseErr(yield packet(0, command), 'registering');
  const last = conversation.commands.at(-1);
  return last && packet(0, last);
}

const COM_QUERY = 0x03;

function refuseErr(got: Packet, step: string): void {
  if (!isErr(got.payload)) return;
  const error = decodeErr(got.payload);
  throw new SkeinError(
    'DUMP_REFUSED',
    `The local server refused replication at "${step}": ${error.message} (${error.errno}).`,
    {
      data: { errno: error.errno },
    },
  );
}
