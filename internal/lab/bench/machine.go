package bench

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is where and when the results were taken, and of what.
type Machine struct {
	Date      string `json:"date"`
	Commit    string `json:"commit"`
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Memory    string `json:"memory"`
	System    string `json:"system"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	Load      string `json:"load"` // of the last minute, before anything was measured
	Took      string `json:"took"` // to measure it all
}

var (
	model  = regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`)
	memory = regexp.MustCompile(`(?m)^MemTotal:\s*(\d+) kB$`)
	pretty = regexp.MustCompile(`(?m)^PRETTY_NAME="?([^"\n]+)`)
)

func machine(ctx context.Context, root string) Machine {
	m := Machine{Date: time.Now().Format(time.DateOnly), Cores: runtime.NumCPU(), Go: runtime.Version(),
		Processor: in("/proc/cpuinfo", model), System: in("/etc/os-release", pretty)}
	if kB, err := strconv.Atoi(in("/proc/meminfo", memory)); err == nil {
		m.Memory = quantity(float64(kB)/1024/1024, "GB")
	}
	m.Kernel = line("/proc/sys/kernel/osrelease")
	m.Load, _, _ = strings.Cut(line("/proc/loadavg"), " ")
	git := func(arguments ...string) string {
		c := exec.CommandContext(ctx, "git", arguments...)
		c.Dir = root
		out, _ := c.Output() // an archive has no repository
		return strings.TrimSpace(string(out))
	}
	m.Commit = git("rev-parse", "--short=12", "HEAD")
	if git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench", ":!docs/performance.md") != "" {
		m.Commit += ", changed"
	}
	return m
}

// in is what a pattern finds in a file, or nothing.
func in(file string, pattern *regexp.Regexp) string {
	text, _ := os.ReadFile(file)
	if found := pattern.FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}

func line(file string) string {
	text, _ := os.ReadFile(file)
	return strings.TrimSpace(string(text))
}
