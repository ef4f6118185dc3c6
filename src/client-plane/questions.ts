import { ApiError } from '../api/api-error.js';
import { type Answer, type AnswerTo, errorOf, type InputOf, type Question } from '../planes/messages.js';
import { FreshAnswers } from '../std/fresh-answers.js';
import { withDeadline } from '../std/timing.js';

/** The replication plane answers within a millisecond unless it has a fault. */
const ANSWER_MS = 5_000;

/** Asks the replication plane. Many clients that want to know the same share one question. */
export class Questions {
  readonly #send: (id: number, what: Question, input: unknown) => void;
  readonly #open = new Map<number, (answer: Answer) => void>();
  readonly #status = new FreshAnswers(() => this.#inTime('status'));
  readonly #metrics = new FreshAnswers(() => this.#inTime('metrics'));
  readonly #confirmed = new FreshAnswers(() => this.#ask('confirmPrimary'));
  #lastId = 0;

  constructor(modules: { send(id: number, what: Question, input: unknown): void }) {
    this.#send = modules.send;
  }

  /** @throws ApiError 503 NOT_OPEN when the replication plane does not answer */
  status(): Promise<AnswerTo<'status'>> {
    return this.#status.get();
  }

  /** @throws ApiError 503 NOT_OPEN when the replication plane does not answer */
  metrics(): Promise<AnswerTo<'metrics'>> {
    return this.#metrics.get();
  }

  /** Resolves when a quorum has confirmed this primary after the call. This may never happen. @throws SkeinError */
  async confirmPrimary(): Promise<void> {
    await this.#confirmed.get();
  }

  /** @throws SkeinError */
  async reconcileUsers(): Promise<void> {
    await this.#ask('reconcileUsers');
  }

  /** @throws ApiError 503 NOT_OPEN when the replication plane does not answer */
  members(): Promise<AnswerTo<'members'>> {
    return this.#inTime('members');
  }

  /** Has a deadline of its own there. @throws SkeinError */
  async changeMembers(change: InputOf<'changeMembers'>): Promise<void> {
    await this.#ask('changeMembers', change);
  }

  /** @throws SkeinError NOT_PRIMARY */
  verify(): Promise<AnswerTo<'verify'>> {
    return this.#ask('verify');
  }

  /** @throws SkeinError NOT_PRIMARY, NOT_OPEN, VERIFY_RUNNING */
  startVerify(request: InputOf<'startVerify'>): Promise<AnswerTo<'startVerify'>> {
    return this.#ask('startVerify', request);
  }

  /** @throws SkeinError NOT_PRIMARY */
  cancelVerify(): Promise<AnswerTo<'cancelVerify'>> {
    return this.#ask('cancelVerify');
  }

  async flushLog(): Promise<void> {
    await this.#inTime('flushLog');
  }

  /** @throws SkeinError */
  async orderSeed(order: InputOf<'orderSeed'>): Promise<void> {
    await this.#ask('orderSeed', order);
  }

  /** @throws SkeinError */
  switchover(order: InputOf<'switchover'>): Promise<AnswerTo<'switchover'>> {
    return this.#ask('switchover', order);
  }

  /** @throws SkeinError */
  promote(order: InputOf<'promote'>): Promise<AnswerTo<'promote'>> {
    return this.#ask('promote', order);
  }

  /** @throws SkeinError */
  async setMaintenance(on: boolean): Promise<void> {
    await this.#ask('setMaintenance', on);
  }

  answered(id: number, answer: Answer): void {
    const settle = this.#open.get(id);
    this.#open.delete(id);
    settle?.(answer);
  }

  #ask<What extends Question>(what: What, input?: InputOf<What>): Promise<AnswerTo<What>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#open.set(id, (answer) => {
        if (answer.ok) resolve(answer.value as AnswerTo<What>);
        else reject(errorOf(answer.error));
      });
      this.#send(id, what, input);
    });
  }

  async #inTime<What extends Question>(what: What): Promise<AnswerTo<What>> {
    try {
      return await withDeadline(this.#ask(what), ANSWER_MS, 'The question to the replication thread');
    } catch (error) {
      throw new ApiError(
        503,
        'NOT_OPEN',
        `The replication thread of this node did not answer: ${(error as Error).message}`,
        { retryable: true },
      );
    }
  }
}
