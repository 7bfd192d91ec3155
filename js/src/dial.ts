import type { Attempt } from "./cpx-bridge.mjs";
import { count, members } from "./errors";
import { Link } from "./rpc";

/** How long an open socket may take to answer status. */
export const answerTime = 2000;

/** The only version of the protocol that this library speaks. */
export const spoken = 1;

/** The protocol version that an agent answers in time; NaN for any other program. Without an answer in time the link is closed. */
export async function version(link: Link): Promise<number> {
  const timeout = setTimeout(() => link.close(), answerTime);
  try {
    return count(members(await link.call("status"))["protocol"]) ?? NaN;
  } catch {
    return NaN;
  } finally {
    clearTimeout(timeout);
  }
}

export type Outcome = "agent" | "failed" | "agent_too_old" | "page_too_old" | "blocked";

/** One dial of one address, from its start to an agent's answer or a failure. */
export class Dial {
  readonly url: string;
  readonly started = performance.now();
  /** Set when it has ended. */
  outcome: Outcome | undefined;
  /** When it ended. */
  ended = 0;
  link: Link | undefined;
  /** Whether a socket of the agent's subprotocol opened, whatever answered on it. */
  opened = false;
  /** Whether it was given up on before a socket opened or was refused. */
  #dropped = false;
  #socket: WebSocket | undefined;
  readonly #moved: (dial: Dial) => void;

  /** moved is called when the socket has opened, and when the dial has ended. */
  constructor(url: string, moved: (dial: Dial) => void) {
    this.url = url;
    this.#moved = moved;
    try {
      this.#socket = new WebSocket(url, "cpx.v1");
    } catch {
      // Firefox throws when the page's own policy forbids the address, and Safari
      // may for any plain one. Reported later, as every other outcome is.
      queueMicrotask(() => this.#end("blocked"));
      return;
    }
    const socket = this.#socket;
    socket.addEventListener("open", () => this.#ask(socket));
    socket.addEventListener("error", () => this.#end("failed"));
    socket.addEventListener("close", () => this.#end("failed"));
  }

  close(): void {
    this.#dropped = this.silent;
    this.#socket?.close();
    this.#end("failed");
  }

  /** Whether the connection is not open yet. */
  get silent(): boolean {
    return this.#socket?.readyState === WebSocket.CONNECTING;
  }

  #ask(socket: WebSocket): void {
    if (socket.protocol !== "cpx.v1") return this.close();
    this.opened = true;
    this.#moved(this);
    const link = new Link(socket, this.url);
    void version(link).then((protocol) => {
      if (protocol === spoken) this.link = link;
      else link.close();
      this.#end(protocol === spoken ? "agent" : protocol < spoken ? "agent_too_old" : protocol > spoken ? "page_too_old" : "failed");
    });
  }

  /** What became of it so far, for a diagnosis. */
  get attempt(): Attempt {
    const { url, started } = this;
    const outcome = this.#dropped ? "pending" : this.opened && this.outcome === "failed" ? "mute" : (this.outcome ?? "pending");
    return { url, outcome, ms: Math.round((this.ended || performance.now()) - started) };
  }

  #end(outcome: Outcome): void {
    if (this.outcome) return;
    this.outcome = outcome;
    this.ended = performance.now();
    this.#moved(this);
  }
}
