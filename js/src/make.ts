import type { AuthenticateOptions, Sentence } from "./cpx-bridge.mjs";

/** Makes an element by hand: a page's Trusted Types may forbid parsing one. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, part: string, ...children: Node[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  if (part) e.setAttribute("part", part);
  e.append(...children);
  return e;
}

/** What happened and what to do, as elements. */
export function explained({ title, help, list, links, reference }: Sentence): Node[] {
  const plain = (text: string): Text => new Text(text);
  const nodes: Node[] = [make("p", "title", plain(title)), make("p", "help", plain(help))];
  if (list.length) nodes.push(make("ol", "list", ...list.map((text) => make("li", "", plain(text)))));
  for (const { href, text } of links) {
    const a = make("a", "link", plain(text));
    a.href = href;
    a.target = "_blank";
    a.rel = "noopener";
    nodes.push(a);
  }
  if (reference) nodes.push(make("p", "reference", plain(reference)));
  return nodes;
}

/** The ports that an element's attributes name. */
export function ports(element: Element, name: string): { first: number; count: number } | undefined {
  const first = element.getAttribute(name + "-first");
  return first ? { first: Number(first), count: Number(element.getAttribute(name + "-count") || 10) } : undefined;
}

/** How an element's attributes have the challenge fetched, and what they have sent with challenge and login. */
export function requests(element: Element): Pick<AuthenticateOptions, "challengeUrl" | "challengeMethod" | "headers"> {
  const get = (name: string): string | undefined => element.getAttribute(name) || undefined;
  return {
    challengeUrl: get("challenge-url"),
    challengeMethod: /^post$/i.test(get("challenge-method") ?? "") ? "POST" : "GET",
    // Read for each request: a portal may change its token meanwhile.
    headers: () => {
      const name = get("token-header");
      return name ? { [name]: get("token") ?? "" } : {};
    },
  };
}

/** The language of the element, or of the nearest element around it that has one. */
export const tongue = (element: Element): string | undefined => element.closest<HTMLElement>("[lang]")?.lang || undefined;
