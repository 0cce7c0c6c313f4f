// Which answers can be the answers of which op. Any other says that requests and answers are out of step.

import { Reply } from "@marugoto/protocol";

const bits = (...replies: Reply[]) => replies.reduce((set, reply) => set | (1 << reply), 0);
const errors = bits(Reply.error, Reply.clientError, Reply.serverError);
const stores = errors | bits(Reply.stored, Reply.notStored, Reply.metaHit, Reply.metaNotStored, Reply.metaNotFound);
const read = errors | bits(Reply.metaValue, Reply.metaMiss);
const readAndTouch = read | bits(Reply.value, Reply.end);
const casStores = stores | bits(Reply.exists, Reply.notFound, Reply.metaExists);
const removal = errors | bits(Reply.deleted, Reply.notFound, Reply.metaHit, Reply.metaNotFound);
const counts = errors | bits(Reply.number, Reply.notFound, Reply.metaValue, Reply.metaNotFound);
const touches = errors | bits(Reply.touched, Reply.notFound, Reply.metaHit, Reply.metaMiss);

const invalidation = removal | bits(Reply.metaExists);

/**
 * By code: the set of replies that can answer it, as bits. Reads of the classic protocol are answered to their line.
 */
export const answersOf = Int32Array.of(
  ...[read, read, readAndTouch, readAndTouch],
  ...[stores, stores, stores, stores, stores, casStores],
  ...[removal, counts, counts, touches, read, invalidation],
);
