import { count, members } from "./errors";
import { Link } from "./rpc";

/** How long an open socket may take to answer status. */
const answerTime = 2000;

export type Outcome = "agent" | "failed" | "other_protocol" | "blocked";

/** One dial of one port, from its start to an agent that answered, or not. */
export class Dial {
  readonly port: number;
  readonly started = performance.now();
  /** Set when it has ended. */
  outcome: Outcome | undefined;
  /** How long it took, once it has ended. */
  took = 0;
  link: Link | undefined;
  private socket: WebSocket | undefined;
  private readonly ended: (dial: Dial) => void;

  constructor(port: number, ended: (dial: Dial) => void) {
    this.port = port;
    this.ended = ended;
    try {
      this.socket = new WebSocket(`ws://127.0.0.1:${port}/v1`, "cpx.v1");
    } catch {
      // Firefox throws when the page's own policy forbids the address. Told
      // later, as every other outcome is.
      queueMicrotask(() => this.end("blocked"));
      return;
    }
    const socket = this.socket;
    socket.addEventListener("open", () => this.opened(socket));
    socket.addEventListener("error", () => this.end("failed"));
    socket.addEventListener("close", () => this.end("failed"));
  }

  close(): void {
    this.socket?.close();
    this.end("failed");
  }

  private opened(socket: WebSocket): void {
    if (socket.protocol !== "cpx.v1") return this.close();
    const link = new Link(socket, this.port);
    const late = setTimeout(() => this.close(), answerTime);
    link
      .call("status")
      .then(
        (result) => {
          const protocol = count(members(result)["protocol"]);
          if (protocol === 1) this.link = link;
          else link.close();
          this.end(protocol === 1 ? "agent" : protocol === undefined ? "failed" : "other_protocol");
        },
        () => this.close(),
      )
      .finally(() => clearTimeout(late));
  }

  private end(outcome: Outcome): void {
    if (this.outcome) return;
    this.outcome = outcome;
    this.took = performance.now() - this.started;
    this.ended(this);
  }
}
