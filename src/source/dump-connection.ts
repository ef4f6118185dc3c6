import { createConnection, type Socket } from 'node:net';
import { messageOf, SkeinError } from '../model/error.js';
import type { DumpConversation } from '../mysql-protocol/flavour.js';
import {
  decodeGreeting,
  encodeLogin,
  NATIVE_PASSWORD,
  nativePasswordAnswer,
} from '../mysql-protocol/login.js';
import { decodeErr, isErr, type Packet, PacketSplitter, packet } from '../mysql-protocol/packets.js';

/** Logs in to a server as a replication client and leads the conversation up to the point where events flow. */
export interface DumpTarget {
  socketPath: string;
  user: string;
  password: string;
}

/** A login and a few SET statements on a local socket; a server that needs longer hangs. */
const CONVERSATION_DEADLINE_MS = 10_000;

export interface OpenDump {
  socket: Socket;
  /** What came behind the last answer of the conversation: the stream's first bytes. */
  rest: Buffer;
}

/** @throws SkeinError DUMP_REFUSED with the server's errno in data, DUMP_UNREACHABLE */
export function openDump(target: DumpTarget, conversation: DumpConversation): Promise<OpenDump> {
  const socket = createConnection(target.socketPath);
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
    socket.on('data', (chunk: Buffer) => {
      splitter.push(chunk);
      try {
        for (let got = splitter.next(); got; got = splitter.next()) {
          const step = steps.next(got);
          if (step.value) socket.write(step.value);
          if (!step.done) continue;
          clearTimeout(timer);
          socket.removeAllListeners();
          // What happens before the caller listens must not end the process; `destroyed` tells of it.
          socket.on('error', () => {});
          socket.pause();
          resolve({ socket, rest: splitter.takeRest() });
          return;
        }
      } catch (error) {
        fail(error instanceof SkeinError ? error : unreachable(messageOf(error)));
      }
    });
    steps.next();
  });
}

function unreachable(why: string): SkeinError {
  return new SkeinError(
    'DUMP_UNREACHABLE',
    `The local server can not be read as a replication source: ${why}.`,
  );
}

/** The conversation as a generator: takes packets, gives what is to be sent; done when the dump was asked for. */
function* converse(
  target: DumpTarget,
  conversation: DumpConversation,
): Generator<Buffer | undefined, Buffer | undefined, Packet> {
  const greeted = yield undefined;
  refuseErr(greeted, 'greeting');
  const greeting = decodeGreeting(greeted.payload);
  let answered = yield packet(
    greeted.sequence + 1,
    encodeLogin(target.user, nativePasswordAnswer(target.password, greeting.nonce)),
  );
  if (answered.payload[0] === 0xfe) {
    // The account's plug-in is not the one that we began with: the server names it and gives a new nonce.
    const end = answered.payload.indexOf(0, 1);
    const plugin = answered.payload.toString('latin1', 1, end);
    if (plugin !== NATIVE_PASSWORD) {
      throw new SkeinError(
        'DUMP_REFUSED',
        `The account ${target.user} uses ${plugin}; Skein needs ${NATIVE_PASSWORD}.`,
      );
    }
    const nonce = answered.payload.subarray(end + 1, end + 21);
    answered = yield packet(answered.sequence + 1, nativePasswordAnswer(target.password, nonce));
  }
  refuseErr(answered, `login as ${target.user}`);
  for (const query of conversation.queries) {
    refuseErr(yield packet(0, Buffer.concat([COM_QUERY, Buffer.from(query)])), query);
  }
  for (const command of conversation.commands.slice(0, -1))
    refuseErr(yield packet(0, command), 'registering');
  const last = conversation.commands.at(-1);
  return last && packet(0, last);
}

const COM_QUERY = Buffer.from([3]);

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
