package main

import "strings"

// surroundings says what a person must know of the machine before opening a browser: the
// agent serves the browsers of its own user in its own system alone.
func surroundings(getenv func(string) string, read func(string) ([]byte, error)) string {
	kernel, _ := read("/proc/sys/kernel/osrelease") // where there is none, it is no WSL
	if strings.Contains(strings.ToLower(string(kernel)), "microsoft") || getenv("WSL_DISTRO_NAME") != "" {
		return "This is WSL: take a browser that is installed in it. The agent refuses one of\n" +
			"Windows, because it cannot tell whose it is."
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := read(mark); err == nil {
			return "This is a container: take a browser inside it. The agent refuses one outside,\n" +
				"because it cannot tell whose it is."
		}
	}
	if getenv("SSH_CONNECTION") != "" {
		return "This is a session over SSH: take a browser on the machine at its other end."
	}
	return ""
}
