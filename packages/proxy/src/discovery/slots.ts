// Which server sits where, when a name gives servers in no order and with changing addresses. Keys belong to slots: a new
// address that takes the place of one that went away takes its keys, too.

/** A place in the pool. */
export interface Slot {
  /** What placement hashes; it never changes. */
  readonly name: string;
  /** Who sits there: `host:port`. */
  readonly address: string;
}

interface Seat {
  readonly name: string;
  address: string;
  /** When its address was no longer named, in ms; undefined while it is. */
  goneSince: number | undefined;
}

/**
 * Seats for the addresses of one name. Addresses keep their seats; a new one takes the seat of one that has gone, else a
 * new seat. A seat that is empty for `keepMs` is removed: then its keys move.
 */
export class SlotTable {
  readonly #base: string | undefined;
  readonly #keepMs: number;
  #seats: Seat[] = [];

  /**
   * @param base seats are called `base#0`, `base#1`, … : first come, in the order of their addresses. undefined: the
   * addresses are lasting names, so each is the name of its seat, which nobody else takes
   * @param keepMs `Infinity` = seats are never removed
   */
  constructor(base: string | undefined, keepMs: number) {
    this.#base = base;
    this.#keepMs = keepMs;
  }

  /**
   * Takes what the name stands for now.
   *
   * @param addresses in any order; an empty list is no answer and changes nothing
   * @param nowMs a clock that only goes forward
   * @returns true when a slot has changed, come or gone
   */
  update(addresses: readonly string[], nowMs: number): boolean {
    if (addresses.length === 0) return false;
    const named = new Set(addresses);
    for (const seat of this.#seats) {
      if (named.has(seat.address)) seat.goneSince = undefined;
      else seat.goneSince ??= nowMs;
    }
    const seated = new Set(this.#seats.map(({ address }) => address));
    const coming = [...named].filter((address) => !seated.has(address)).sort();
    let changed = coming.length > 0;
    for (const address of coming) {
      const free = this.#base === undefined ? undefined : this.#seats.find(({ goneSince }) => goneSince !== undefined);
      if (free === undefined) this.#seats.push({ name: this.#newName(address), address, goneSince: undefined });
      else {
        free.address = address;
        free.goneSince = undefined;
      }
    }
    const before = this.#seats.length;
    this.#seats = this.#seats.filter(({ goneSince }) => goneSince === undefined || nowMs - goneSince < this.#keepMs);
    changed ||= this.#seats.length !== before;
    return changed;
  }

  /** All seats, by name; shorter names first, as numbers count. */
  get slots(): readonly Slot[] {
    return this.#seats.map(({ name, address }) => ({ name, address })).sort(byName);
  }

  /** The address, or the base with the lowest number that no seat has. */
  #newName(address: string): string {
    if (this.#base === undefined) return address;
    const taken = new Set(this.#seats.map(({ name }) => name));
    for (let number = 0; ; number++) {
      const name = `${this.#base}#${number}`;
      if (!taken.has(name)) return name;
    }
  }
}

function byName(a: Slot, b: Slot): number {
  return a.name.length - b.name.length || (a.name < b.name ? -1 : 1);
}
