/** The browser's own permission to reach programs on this machine. */
export type Permission = "granted" | "denied" | "prompt" | "unknown";

/** A page that is itself on this machine is never asked about. */
function pageOnLoopback(): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);
}

/** Asks for the state; browsers that do not know the name throw: "unknown". */
export async function permission(onChange?: (state: Permission) => void): Promise<Permission> {
  try {
    const status = await navigator.permissions.query({ name: "loopback-network" as PermissionName });
    const now = (): Permission => (status.state === "prompt" && pageOnLoopback() ? "unknown" : status.state);
    if (onChange) status.onchange = () => onChange(now());
    return now();
  } catch {
    return "unknown";
  }
}
