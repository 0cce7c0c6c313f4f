// A replicated pair that is one slot: which of its two members is used. Both are looked at every second, and at once when
// the one in use fails. A member that takes clients has all data (ours opens its port when its copy is complete), so that
// no key moves, and nothing has to be fenced.

import net from "node:net";
import { type Endpoint } from "@marugoto/core";

/** What is known of a member. */
export interface MemberState {
  /** It has answered. */
  readonly isUp: boolean;
  /** As `stats replication` says; undefined: it does not tell, as a real repcached. */
  readonly role: string | undefined;
}

/** Between two looks, in ms. */
const LOOK_MS = 1000;
/** While one of the two is not up. */
const LOOK_SOON_MS = 200;
/** A member that has not answered after so long is not up. */
const PATIENCE_MS = 500;

const unknown: MemberState = { isUp: false, role: undefined };

/**
 * @param active index of the member in use
 * @returns index of the member to use from now on
 */
export function memberToUse(active: number, states: readonly MemberState[]): number {
  const other = 1 - active;
  const [mine, its] = [states[active] ?? unknown, states[other] ?? unknown];
  if (!its.isUp) return active;
  if (!mine.isUp) return other;
  // Of two masters, or two that don't tell, the one in use stays in use.
  return its.role === "master" && mine.role !== undefined && mine.role !== "master" ? other : active;
}

export class Pair {
  readonly endpoints: readonly [Endpoint, Endpoint];
  /** Which of `endpoints` is in use. */
  active = 0;
  readonly #onSwitch: (why: string) => void;
  #states: readonly MemberState[] = [unknown, unknown];
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  /** Something happened during a look: it may have come too early to see it. */
  #isStale = false;
  #closed = false;

  /** @param onSwitch called after `active` has changed */
  constructor(endpoints: readonly [Endpoint, Endpoint], onSwitch: (why: string) => void) {
    this.endpoints = endpoints;
    this.#onSwitch = onSwitch;
    void this.#look();
  }

  /** Of the member in use. */
  get endpoint(): Endpoint {
    return this.endpoints[this.active]!;
  }

  /** Of the other one. */
  get otherEndpoint(): Endpoint {
    return this.endpoints[1 - this.active]!;
  }

  /**
   * The member in use has failed: the other one takes over at once if it was up a moment ago.
   *
   * @returns whether it does
   */
  failed(why: string): boolean {
    if (this.#closed) return false;
    const before = this.active;
    const states = this.#states.map((state, i) => (i === this.active ? unknown : state));
    this.#use(memberToUse(this.active, states), states, why);
    this.#isStale = true;
    if (!this.#isLooking) void this.#look();
    return this.active !== before;
  }

  /** What was last seen of the member in use, or of the other one. */
  stateOf(which: "active" | "other"): MemberState {
    return this.#states[which === "active" ? this.active : 1 - this.active] ?? unknown;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    clearTimeout(this.#timer);
    do {
      this.#isStale = false;
      const states = await Promise.all(this.endpoints.map((endpoint) => askMember(endpoint)));
      if (this.#closed) return;
      const next = memberToUse(this.active, states);
      const role = states[next]?.role;
      this.#use(
        next,
        states,
        role === undefined || states[this.active]?.isUp !== true ? "it answers" : `it is ${role}`,
      );
      // What has failed a moment ago may be seen as it was before.
    } while (this.#cameTooEarly());
    this.#isLooking = false;
    const areUp = this.#states.every((state) => state.isUp);
    this.#timer = setTimeout(() => void this.#look(), areUp ? LOOK_MS : LOOK_SOON_MS);
    this.#timer.unref();
  }

  /** A method, because the compiler does not see that others set it during a look. */
  #cameTooEarly(): boolean {
    return this.#isStale;
  }

  #use(next: number, states: readonly MemberState[], why: string): void {
    this.#states = states;
    if (next === this.active) return;
    this.active = next;
    this.#onSwitch(why);
  }
}

/** Asks a member, over a connection of its own, what it is. Never rejects. */
function askMember(endpoint: Endpoint): Promise<MemberState> {
  return new Promise((resolve) => {
    const socket = net.connect(
      endpoint.kind === "unix" ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port },
    );
    let text = "";
    const end = (state: MemberState) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(state);
    };
    const timer = setTimeout(end, PATIENCE_MS, unknown);
    socket.on("error", () => {
      end(unknown);
    });
    socket.on("close", () => {
      end(unknown);
    });
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      // A server without replication knows no such section.
      if (/^(?:END|[A-Z_]*ERROR[^\r]*)\r\n$/m.test(text))
        end({ isUp: true, role: /^STAT role (\S+)\r$/m.exec(text)?.[1] });
    });
    socket.write("stats replication\r\n");
  });
}
