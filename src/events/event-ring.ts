/** The last events of this node, with growing ids, for `GET /v1/events`. */

import type { EventSource } from '../api/node-view.js';
import type { ClusterEvent, ClusterEventName } from '../model/status.js';
import { Emitter } from '../std/emitter.js';

export class EventRing implements EventSource {
  readonly #size: number;
  readonly #signal = new Emitter<ClusterEvent>();
  #events: ClusterEvent[] = [];
  #nextId: number;

  /** Ids go on growing over restarts of the node, because they begin with the time (in units of 1/1000 ms). */
  constructor(size = 1000, firstId = Date.now() * 1000) {
    this.#size = size;
    this.#nextId = firstId;
  }

  push(event: ClusterEventName, data: ClusterEvent['data']): ClusterEvent {
    const entry: ClusterEvent = { id: this.#nextId, event, data };
    this.take(entry);
    return entry;
  }

  /** One that another ring has made, in its turn. */
  take(entry: ClusterEvent): void {
    this.#nextId = entry.id + 1;
    this.#events.push(entry);
    if (this.#events.length > this.#size) this.#events = this.#events.slice(-this.#size);
    this.#signal.emit(entry);
  }

  /** Those that are still kept, oldest first. */
  get kept(): readonly ClusterEvent[] {
    return this.#events;
  }

  since(id: number): { events: readonly ClusterEvent[]; complete: boolean } {
    const first = this.#events[0]?.id ?? this.#nextId;
    return { events: this.#events.filter((event) => event.id > id), complete: id >= first - 1 };
  }

  subscribe(listener: (event: ClusterEvent) => void): () => void {
    return this.#signal.on(listener);
  }
}
