// What a node counts for `stats replication`.

export class Counters {
  fullCopiesIn = 0;
  fullCopiesOut = 0;
  partialIn = 0;
  partialOut = 0;
  promotions = 0;
  refusedPeers = 0;
  mergesTaken = 0;
  mergesDiscarded = 0;
  /** How long the last full copy towards us took. */
  lastCopyMs = 0;
  lastTakeoverMs = 0;
  lastTakeoverReason = "";
}
