import { SkeinError } from '../../model/error.js';
import type { DefinitionsQuery, DefinitionsReply } from '../../wire/messages.js';

/** The primary reads its definitions within a minute (flavour/mariadb/schema-changes.ts). */
const ANSWER_MAX_MS = 90_000;

interface Waiting {
  resolve(reply: DefinitionsReply): void;
  reject(error: SkeinError): void;
}

/** Asks the primary, over the link, how the objects of its server are defined now. */
export class PrimaryDefinitions {
  readonly #send: (query: DefinitionsQuery) => boolean;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** `send` returns false when the link is down. */
  constructor(send: (query: DefinitionsQuery) => boolean) {
    this.#send = send;
  }

  /**
   * @param objects in full; null = digests of all
   * @throws SkeinError LINK_ENDED, NO_ANSWER
   */
  async ask(objects: readonly string[] | null): Promise<DefinitionsReply> {
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<DefinitionsReply>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        timer = setTimeout(
          () => reject(new SkeinError('NO_ANSWER', 'The primary did not tell its definitions in time.')),
          ANSWER_MAX_MS,
        );
        if (!this.#send({ id, gtid: '', objects: objects && [...objects] })) reject(linkEnded());
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  answered(reply: DefinitionsReply): void {
    this.#waiting.get(reply.id)?.resolve(reply);
  }

  linkEnded(): void {
    for (const { reject } of this.#waiting.values()) reject(linkEnded());
  }
}

export const linkEnded = () => new SkeinError('LINK_ENDED', 'The link to the primary has ended.');
