/**
 * The cluster's side of the join exchange (joining/exchange.ts). A request with a wrong proof gets no reason, and counts as a
 * failure. A request with a valid proof gets the code and the reason of a refusal, which this node also logs and audits.
 */

import { connect } from 'node:net';
import { Value } from '@sinclair/typebox/value';
import { ApiError } from '../api/api-error.js';
import type { JoiningView, NodeView } from '../api/node-view.js';
import { FailureLimit } from '../auth/failure-limit.js';
import {
  isProven,
  JOIN_PROTOCOL,
  type JoinRequest,
  type SealedAnswer,
  sealAnswer,
} from '../joining/exchange.js';
import { JoinDetails, type JoinOffer, type JoinWelcome } from '../joining/messages.js';
import { type ClusterFacts, freeName, type JoinerFacts, unsuitable } from '../joining/suitability.js';
import { isSkeinError } from '../model/error.js';
import { linkText, type MemberPlace } from '../model/members.js';
import type { JoinTokenTable } from '../sql/system/join-token-table.js';
import type { Logger } from '../std/logger.js';
import { changeMembers } from './change-members.js';

/** As for access tokens. A join token cannot be guessed; this bounds what guessing costs the node. */
const FAILURES_PER_MINUTE = 20;
/** A connection on a local network takes milliseconds, to another continent a quarter of a second. */
const DIAL_MS = 3_000;

export interface JoinDeskModules {
  readonly node: NodeView;
  readonly tokens: JoinTokenTable;
  readonly log: Logger;
}

interface NamedJoiner {
  readonly name: string;
  readonly facts: JoinerFacts;
}

export class JoinDesk {
  readonly #modules: JoinDeskModules;
  readonly #failures = new FailureLimit({ failuresMax: FAILURES_PER_MINUTE, windowMs: 60_000 });
  /** Machines join one after the other: of two requests with one token the second one sees what became of the first. */
  #turns: Promise<unknown> = Promise.resolve();

  constructor(modules: JoinDeskModules) {
    this.#modules = modules;
  }

  /** `address`: of the asker. @throws ApiError, each refusal by its own code */
  async answer(request: JoinRequest, address: string): Promise<SealedAnswer> {
    this.#refuseUnproven(request, address);
    let joiner: NamedJoiner | null = null;
    try {
      const facts = detailsOf(request);
      joiner = { facts, name: facts.name ?? '' };
      const { token, key } = request;
      await this.#modules.tokens.isHadBy(token, { key, name: request.step === 'join' ? facts.name : null });
      joiner = await this.#named(facts);
      await this.#refuseUnsuitable(request, joiner);
      const answer =
        request.step === 'check' ? await this.#offer(joiner) : await this.#inTurn(request, joiner);
      this.#tell(request, joiner, address, null);
      return sealAnswer(request, this.#secretOf(request), answer);
    } catch (error) {
      this.#tell(request, joiner, address, error);
      throw error;
    }
  }

  #secretOf({ token }: JoinRequest): Buffer {
    return this.#modules.node.joining.tokenSecret(token);
  }

  #refuseUnproven(request: JoinRequest, address: string): void {
    if (request.protocol !== JOIN_PROTOCOL) {
      throw new ApiError(
        409,
        'JOIN_VERSION',
        `The machine speaks version ${request.protocol} of the join exchange, this node (Skein ${this.#modules.node.joining.version}) version ${JOIN_PROTOCOL}. Install the cluster's version of Skein on it.`,
      );
    }
    if (isProven(request, this.#secretOf(request))) {
      this.#refuseBadKey(request);
      return;
    }
    this.#modules.log.warn({ address }, 'a join request with a wrong token was refused');
    const waitS = this.#failures.failed(address);
    if (waitS > 0) {
      throw new ApiError(
        429,
        'TOO_MANY_FAILURES',
        'Too many requests with a wrong join token from this address.',
        {
          retryable: true,
          retryAfterS: waitS,
        },
      );
    }
    throw new ApiError(
      403,
      'JOIN_TOKEN_UNKNOWN',
      'This cluster has not issued this join token. Copy the whole token, or make another one on a member: skein token join',
    );
  }

  /** Before anything is changed, because without a valid key the answer could not be sealed for the machine. */
  #refuseBadKey(request: JoinRequest): void {
    try {
      sealAnswer(request, this.#secretOf(request), {});
    } catch (error) {
      if (!isSkeinError(error, 'JOIN_KEY_INVALID')) throw error;
      throw new ApiError(400, 'INVALID_FIELD', `The field "key" is not valid: ${error.message}`);
    }
  }

  async #named(facts: JoinerFacts): Promise<NamedJoiner> {
    if (facts.name !== null) return { facts, name: facts.name };
    const { members } = await this.#modules.node.members();
    return { facts, name: freeName(members.map(({ name }) => name)) };
  }

  async #refuseUnsuitable(request: JoinRequest, { name, facts }: NamedJoiner): Promise<void> {
    const cluster = await this.#clusterFacts();
    // The machine asks again because the answer was lost: it is the member itself.
    const others = cluster.members.filter(
      (member) => !(member.name === name && this.#isSame(request, member, facts)),
    );
    const fault = unsuitable(name, facts, { ...cluster, members: others });
    if (fault) throw new ApiError(409, fault.code, fault.message);
    await refuseUnreachable(facts);
  }

  #isSame({ step }: JoinRequest, member: { readonly link: string }, { host, ports }: JoinerFacts): boolean {
    return step === 'join' && member.link === linkText({ host, port: ports.link });
  }

  async #clusterFacts(): Promise<ClusterFacts> {
    const { node } = this.#modules;
    const [{ members }, status, dataBytes, tls] = await Promise.all([
      node.members(),
      node.clusterStatus(),
      node.joining.dataBytes(),
      node.joining.tls(),
    ]);
    const serverOf = (name: string) => {
      const { flavour, version } = status.members.find((member) => member.name === name)?.server ?? {};
      return flavour && version ? { flavour, version } : null;
    };
    return {
      cluster: node.cluster,
      skein: node.joining.version,
      members: members.map(({ name, link }) => ({
        name,
        link: linkText(link),
        server: serverOf(name),
      })),
      dataBytes,
      tls,
    };
  }

  async #offer({ name }: NamedJoiner): Promise<JoinOffer> {
    const { node } = this.#modules;
    const [{ members }, tls] = await Promise.all([node.members(), node.joining.tls()]);
    return {
      cluster: node.cluster,
      clusterId: node.clusterId,
      name,
      members: members.map((member) => member.name),
      tls,
    };
  }

  #inTurn(request: JoinRequest, joiner: NamedJoiner): Promise<JoinWelcome> {
    const turn = this.#turns.then(() => this.#join(request, joiner));
    this.#turns = turn.catch(() => {});
    return turn;
  }

  async #join(request: JoinRequest, { name, facts }: NamedJoiner): Promise<JoinWelcome> {
    const { node, tokens } = this.#modules;
    const member = await this.#memberOf(name, facts);
    const { members } = await node.members();
    const contact = members.find((one) => one.name === node.name)?.link;
    if (!contact)
      throw new ApiError(503, 'NOT_OPEN', 'This node is not in the list of members.', { retryable: true });
    const { secret } = node.joining;
    const hosts = [facts.host, ...members.map(({ link }) => link.host)];
    const tls = await this.#certificates({ name, hosts, publicKey: facts.publicKey });
    const user = { name, key: request.key };
    const isTaken = await tokens.use(request.token, user);
    try {
      await changeMembers(node, () => node.addMember(member));
    } catch (error) {
      // A change that may still take effect keeps the token used, so that this machine can ask again. So does an earlier
      // request with this token, which may have made the machine a member.
      if (isTaken && isCertain(error)) await tokens.giveBack(request.token, user);
      throw error;
    }
    const { cluster, clusterId } = node;
    return { cluster, clusterId, acknowledge: node.acknowledge(), secret, contact, tls };
  }

  async #certificates(member: Parameters<JoiningView['certificates']>[0]): Promise<JoinWelcome['tls']> {
    try {
      return await this.#modules.node.joining.certificates(member);
    } catch (error) {
      if (!isSkeinError(error, 'TLS_PUBLIC_KEY_INVALID')) throw error;
      throw new ApiError(400, 'INVALID_FIELD', `The field "details" is not valid: ${error.message}`);
    }
  }

  async #memberOf(name: string, { host, ports, server }: JoinerFacts): Promise<MemberPlace> {
    const at = (port: number) => linkText({ host, port });
    const tls = await this.#modules.node.joining.tls();
    const scheme = tls?.ports.includes('http') ? 'https' : 'http';
    return {
      name,
      link: { host, port: ports.link },
      http: `${scheme}://${at(ports.http)}`,
      mysqlRw: ports.mysql && at(ports.mysql.readWrite),
      mysqlRo: ports.mysql && at(ports.mysql.readOnly),
      ...(server === null && { witness: true }),
    };
  }

  #tell({ step, token }: JoinRequest, joiner: NamedJoiner | null, address: string, error: unknown): void {
    const { node, log } = this.#modules;
    const facts = {
      step,
      joinToken: token,
      name: joiner?.name || null,
      address,
      host: joiner?.facts.host ?? null,
    };
    if (error === null) {
      if (step === 'join') node.audit.add({ kind: 'join', action: 'joined', ...facts });
      log.info(facts, step === 'join' ? 'a machine joined' : 'a machine may join');
      return;
    }
    const { code, message } = error as { code?: string; message?: string };
    // NOT_PRIMARY is not a refusal: the machine asks the primary next.
    if (code === 'NOT_PRIMARY') return;
    node.audit.add({ kind: 'join', action: 'refused', code: code ?? 'INTERNAL', ...facts });
    log.warn({ ...facts, code, reason: message }, 'a machine that wanted to join was refused');
  }
}

/** @throws ApiError 400 INVALID_FIELD, 409 JOIN_VERSION */
function detailsOf({ details }: JoinRequest): JoinerFacts {
  let value: unknown;
  try {
    value = JSON.parse(details);
  } catch {
    // As one of another form.
  }
  if (Value.Check(JoinDetails, value)) return value;
  const { path, message } = Value.Errors(JoinDetails, value).First() ?? { path: '', message: 'unexpected' };
  throw new ApiError(400, 'INVALID_FIELD', `The field "details" is not valid: ${path || '/'}: ${message}.`);
}

/** Whether the change has certainly had no effect. */
function isCertain(error: unknown): boolean {
  return error instanceof ApiError && error.details.applied !== 'unknown';
}

/** Connects to both ports of the machine, which listens on them while it asks. @throws ApiError 409 JOINER_UNREACHABLE */
async function refuseUnreachable({ host, ports }: JoinerFacts): Promise<void> {
  const faults = await Promise.all([dialFault(host, ports.link), dialFault(host, ports.http)]);
  const fault = faults.find((one) => one !== null);
  if (fault === undefined || fault === null) return;
  throw new ApiError(
    409,
    'JOINER_UNREACHABLE',
    `The primary cannot reach the machine at ${fault}. Open the port in its firewall, or name the address by which the others reach it: --advertise <address>`,
  );
}

function dialFault(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: DIAL_MS });
    const end = (fault: string | null) => {
      socket.destroy();
      resolve(fault);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end(`${linkText({ host, port })} (no answer in ${DIAL_MS / 1000} s)`));
    socket.once('error', (error) => end(`${linkText({ host, port })} (${error.message})`));
  });
}
