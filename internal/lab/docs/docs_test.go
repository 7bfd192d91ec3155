package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

const root = "../../.."

// TestCommandsOfTheDocuments runs every fenced command that is not marked
// manual, as a reader would: in the source's folder, with the programs on PATH
// and a home of its own.
func TestCommandsOfTheDocuments(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "SUPPORT.md", "SECURITY.md", "js/README.md"} {
		files = append(files, filepath.Join(root, filepath.FromSlash(name)))
	}
	build := exec.Command("make", "-s", "build")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	ran := 0
	for _, file := range files {
		blocks, err := Blocks(file)
		if err != nil {
			t.Fatal(err)
		}
		home := t.TempDir()
		for _, b := range blocks {
			if b.Manual != "" {
				continue
			}
			ran++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(file), b.Line), func(t *testing.T) { runBlock(t, b, home) })
		}
	}
	if ran < 2 {
		t.Fatalf("only %d blocks ran: are the fences still marked sh?", ran)
	}
}

// TestPolicyOfTheDocuments loads the administrators' sample as the agent would.
func TestPolicyOfTheDocuments(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "administrators.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```toml\n")
	sample, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/administrators.md shows no policy")
	}
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(policy.Paths{Machine: file, Owners: owners.Person})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) != 0 || p.Origins.Mode != policy.ModeListed || len(p.Origins.Allow) == 0 {
		t.Errorf("%+v", p)
	}
}

func runBlock(t *testing.T, b Block, home string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	out, err := reader(t, ctx, b, home).CombinedOutput()
	if err != nil {
		t.Fatalf("%s:%d\n%s\n%v\n%s", b.File, b.Line, b.Script, err, out)
	}
	t.Logf("%s", out)
}

// reader is a block as a reader types it, not started.
func reader(t *testing.T, ctx context.Context, b Block, home string) *exec.Cmd {
	t.Helper()
	bin, err := filepath.Abs(filepath.Join(root, "build", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	// The commands never meet the agent of whoever runs the tests.
	if err := os.MkdirAll(home+"/run", 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", b.Script)
	cmd.Dir = root
	// The caches of Go stay where they are: a new home would build all again.
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CI=true",
		"GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"),
		"HOME="+home, "XDG_CONFIG_HOME="+home+"/.config", "XDG_STATE_HOME="+home+"/.local/state", "XDG_RUNTIME_DIR="+home+"/run",
		"DESTDIR="+home+"/image") // never the system itself
	return cmd
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestFences(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  []Block
		error bool
	}{
		"commands":            {"```sh\na\nb\n```\n", []Block{{Line: 1, Script: "a\nb\n"}}, false},
		"manual":              {"x\n```sh manual: needs a card\na\n```\n", []Block{{Line: 2, Manual: "needs a card", Script: "a\n"}}, false},
		"manual, no reason":   {"```sh manual:\na\n```\n", nil, true},
		"another word":        {"```sh skip\na\n```\n", nil, true},
		"another language":    {"```toml\n[a]\n```\n```sh\nb\n```\n", []Block{{Line: 4, Script: "b\n"}}, false},
		"never closed":        {"```sh\na\n", nil, true},
		"other, never closed": {"```\na\n", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.md")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Blocks(file)
			if (err != nil) != c.error {
				t.Fatalf("error: %v", err)
			}
			for i := range c.want {
				c.want[i].File = file
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) && !c.error {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
