import type { Flavour } from '../../flavour/flavour.js';
import { definitionsOf } from '../../model/definitions.js';
import { messageOf } from '../../model/error.js';
import type { DefinitionsQuery, DefinitionsReply } from '../../wire/messages.js';
import type { LocalControl } from '../local-server.js';

export interface FormerAnswerModules {
  readonly flavour: Pick<Flavour, 'countOf'>;
  control(): Pick<LocalControl, 'definitions' | 'status'>;
  /** The server is open as the primary, and has executed everything before. */
  isOpen(): boolean;
}

/**
 * Answers a former primary's node: how the objects of this primary's server are defined now, and where its log ended after that. A
 * definition that the log up to there does not explain is DDL under way; then the asker asks again. Never rejects.
 */
export async function answerFormer(
  { id, objects }: DefinitionsQuery,
  { flavour, control, isOpen }: FormerAnswerModules,
): Promise<DefinitionsReply> {
  const failed = (reason: string): DefinitionsReply => ({ id, definitions: {}, failed: reason });
  const NOT_OPEN = 'The primary is not open.';
  try {
    if (!isOpen()) return failed(NOT_OPEN);
    const definitions = definitionsOf(await control().definitions(), objects);
    const { gtidBinlogPos } = await control().status();
    if (!isOpen()) return failed(NOT_OPEN);
    return { id, definitions, failed: null, ordinal: flavour.countOf(gtidBinlogPos) };
  } catch (error) {
    return failed(messageOf(error));
  }
}
