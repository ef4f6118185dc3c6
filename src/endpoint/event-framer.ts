import { EVENT_HEADER_SIZE, HEADER_AT } from '../mysql-protocol/events.js';
import { PACKET_HEADER_SIZE, PACKET_PAYLOAD_MAX } from '../mysql-protocol/packets.js';

/**
 * Turns a stream of binary log events, cut anywhere, back into packets [u24 length][u8 sequence][00][event].
 * Small events are copied behind each other into one buffer, large ones are passed on as they are.
 */
const ARENA_BYTES = 64 * 1024;
/** From this size on a piece is passed on instead of copied. */
const PASS_ON_MIN = 16 * 1024;
const STATUS_OK = 0;

export class EventFramer {
  #sequence: number;
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
  #arenaFrom = 0;
  #arenaTo = 0;
  #out: Buffer[] = [];
  /** Bytes to come of the open event and of its open packet. */
  #eventLeft = 0;
  #packetLeft = 0;
  #packetFull = false;
  /** The beginning of an event whose header is cut by the end of a piece. */
  #head: Buffer | null = null;
  /** Bytes of events since the stream's last ROTATE: upper bound of the reader's own count. */
  eventBytes = 0;

  constructor(firstSequence: number) {
    this.#sequence = firstSequence;
  }

  /** Takes the next bytes of the event stream. */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      at = this.#eventLeft > 0 ? this.#body(bytes, at) : this.#begin(bytes, at);
    }
  }

  /** The packets since the last call, ready to be written. They stay valid until `reuse`. */
  take(): Buffer[] {
    this.#closeArena();
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Reuses the buffer: the taken packets have been written. */
  reuse(): void {
    if (this.#arenaTo !== this.#arenaFrom) return;
    this.#arenaFrom = 0;
    this.#arenaTo = 0;
  }

  #begin(bytes: Buffer, at: number): number {
    const left = bytes.length - at;
    if (this.#head === null && left >= EVENT_HEADER_SIZE) {
      this.#open(bytes.readUInt32LE(at + HEADER_AT.size));
      return at;
    }
    const missing = EVENT_HEADER_SIZE - (this.#head?.length ?? 0);
    const taken = bytes.subarray(at, at + Math.min(missing, left));
    this.#head = this.#head ? Buffer.concat([this.#head, taken]) : Buffer.from(taken);
    if (this.#head.length === EVENT_HEADER_SIZE) {
      const head = this.#head;
      this.#head = null;
      this.#open(head.readUInt32LE(HEADER_AT.size));
      this.#body(head, 0);
    }
    return at + taken.length;
  }

  #open(size: number): void {
    this.#eventLeft = size;
    this.eventBytes += size;
    this.#packet(Math.min(size + 1, PACKET_PAYLOAD_MAX));
    this.#reserve(1);
    this.#arena[this.#arenaTo++] = STATUS_OK;
    this.#packetLeft--;
  }

  #packet(length: number): void {
    this.#reserve(PACKET_HEADER_SIZE);
    this.#arena.writeUIntLE(length, this.#arenaTo, 3);
    this.#arena[this.#arenaTo + 3] = this.#sequence;
    this.#sequence = (this.#sequence + 1) & 0xff;
    this.#arenaTo += PACKET_HEADER_SIZE;
    this.#packetLeft = length;
    this.#packetFull = length === PACKET_PAYLOAD_MAX;
  }

  #body(bytes: Buffer, at: number): number {
    const size = Math.min(bytes.length - at, this.#eventLeft, this.#packetLeft);
    this.#copyOrPass(bytes, at, size);
    this.#eventLeft -= size;
    this.#packetLeft -= size;
    // A full packet is always followed by another one, an empty one if need be.
    if (this.#packetLeft === 0 && this.#packetFull) {
      this.#packet(Math.min(this.#eventLeft, PACKET_PAYLOAD_MAX));
    }
    return at + size;
  }

  #copyOrPass(bytes: Buffer, at: number, size: number): void {
    if (size >= PASS_ON_MIN) {
      this.#closeArena();
      this.#out.push(bytes.subarray(at, at + size));
      return;
    }
    this.#reserve(size);
    bytes.copy(this.#arena, this.#arenaTo, at, at + size);
    this.#arenaTo += size;
  }

  #reserve(size: number): void {
    if (this.#arenaTo + size <= this.#arena.length) return;
    this.#closeArena();
    this.#arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
    this.#arenaFrom = 0;
    this.#arenaTo = 0;
  }

  #closeArena(): void {
    if (this.#arenaTo === this.#arenaFrom) return;
    this.#out.push(this.#arena.subarray(this.#arenaFrom, this.#arenaTo));
    this.#arenaFrom = this.#arenaTo;
  }
}
