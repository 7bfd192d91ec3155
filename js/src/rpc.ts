import type { Progress } from "./cpx-bridge.mjs";
import { CpxError, fromWire, lost, members, text } from "./errors";

interface Pending {
  resolve(result: unknown): void;
  reject(error: CpxError): void;
  progress: ((state: Progress) => void) | undefined;
}

/** The states that an agent reports during a login; there would be no text for others. */
const states = /^(waiting-for-(consent|card|pin)|choosing-certificate|signing)$/;

/** The code with which an agent closes a socket whose place it needs for another page. What it had not answered it had not begun. */
const displaced = 1013;

/** JSON-RPC 2.0 over one open socket. */
export class Link {
  readonly url: string;
  /** Called when the card of this connection is removed from the reader. */
  readonly removed = new Set<() => void>();
  /** Called once when the socket closes. */
  readonly closed = new Set<() => void>();
  /** Settles when the last cancelled login has ended. */
  ended: Promise<unknown> | undefined;
  /** Whether the agent closed it for another page's sake: it serves, and what was pending can be called again. */
  displaced = false;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  #last = 0;

  constructor(socket: WebSocket, url: string) {
    this.#socket = socket;
    this.url = url;
    socket.addEventListener("message", (e) => this.#receive(e.data));
    socket.addEventListener("close", (e) => {
      this.displaced = e.code === displaced;
      this.#end();
    });
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Whether an answer is pending. */
  get busy(): boolean {
    return this.#pending.size > 0;
  }

  /** Whether any caller still needs it. */
  get used(): boolean {
    return this.busy || this.removed.size > 0 || this.closed.size > 0;
  }

  call(method: string, params?: object, progress?: (state: Progress) => void): Promise<unknown> {
    if (!this.open) return Promise.reject(lost());
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, progress });
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /** Ends it at once: the browser would wait for the other side, which may hang. */
  close(): void {
    this.#socket.close();
    this.#end();
  }

  #receive(data: unknown): void {
    let m: Record<string, unknown>;
    try {
      m = members(JSON.parse(String(data)));
    } catch {
      // The sender is not an agent, or a broken one.
      return this.close();
    }
    if (typeof m["method"] === "string") return this.#notified(m["method"], members(m["params"]));
    const w = this.#pending.get(m["id"] as number);
    if (!w) return;
    this.#pending.delete(m["id"] as number);
    if ("error" in m) w.reject(fromWire(m["error"]));
    else w.resolve(m["result"]);
  }

  #notified(method: string, params: Record<string, unknown>): void {
    if (method === "progress") {
      const state = text(params["state"]);
      if (state && states.test(state)) for (const w of [...this.#pending.values()]) w.progress?.(state as Progress);
    } else if (method === "card" && params["event"] === "removed") {
      for (const listener of [...this.removed]) listener();
    }
  }

  #end(): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const w of all) w.reject(lost());
    const listeners = [...this.closed];
    this.closed.clear();
    for (const f of listeners) f();
  }
}
