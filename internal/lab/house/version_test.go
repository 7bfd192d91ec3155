package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// versionScript is what the builds take their version from.
const versionScript = "scripts/version"

// releasedHeading is the heading of a version in the changelog, with its day or without.
var releasedHeading = regexp.MustCompile(`(?m)^## \[(\d[^\]]*)\](?: - (.*))?$`)

// TestVersion: the file VERSION is the version of all that bears one, and the version
// on top of the changelog. At its tag the changelog says the day.
func TestVersion(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(read(t, root, "VERSION"))
	for _, file := range []string{"js/package.json", "js/package-lock.json"} {
		var described struct {
			Version  string
			Packages map[string]struct{ Version string }
		}
		if err := json.Unmarshal([]byte(read(t, root, file)), &described); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		own, locked := described.Packages[""]
		if described.Version != version || locked && own.Version != version {
			t.Errorf("%s has version %q (%q), and VERSION says %q", file, described.Version, own.Version, version)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, versionScript))
	cmd.Env = append(os.Environ(), "CPX_VERSION=")
	out, err := cmd.CombinedOutput()
	built := strings.TrimSpace(string(out))
	if err != nil || built != version && !strings.HasPrefix(built, version+"-dev") {
		t.Errorf("%s: %v\n%s", versionScript, err, out)
	}
	released := exec.CommandContext(t.Context(), "git", "tag", "--merged", "HEAD", "--list", "v"+version)
	released.Dir = root // of a source without git there are no tags, and nothing is said
	if tags, err := released.Output(); err == nil && len(tags) > 0 && built != version && !strings.HasSuffix(built, ".modified") {
		t.Errorf("%s was released before this commit: raise VERSION (CONTRIBUTING.md, \"A release\")", version)
	}
	top := releasedHeading.FindStringSubmatch(read(t, root, "CHANGELOG.md"))
	if top == nil || top[1] != version {
		t.Fatalf("the changelog begins with %q, and VERSION says %q", top, version)
	}
	if day := regexp.MustCompile(`^\d{4}-\d\d-\d\d$`); built == version && !day.MatchString(top[2]) {
		t.Errorf("this is release %s, and the changelog says %q for its day", version, top[2])
	}
}

func read(t *testing.T, root, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// repository is a small one with the script, and a commit.
type repository struct {
	t    *testing.T
	path string
}

func newRepository(t *testing.T, version string) repository {
	t.Helper()
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	r := repository{t, t.TempDir()}
	if err := os.Mkdir(filepath.Join(r.path, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"VERSION": version + "\n", versionScript: read(t, root, versionScript), "scripts/archived": "$Format:%H %D$\n", ".gitattributes": read(t, root, ".gitattributes"),
	} {
		if err := os.WriteFile(filepath.Join(r.path, filepath.FromSlash(file)), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.git("init", "-q", "-b", "main")
	r.git("add", ".")
	r.git("commit", "-q", "-m", "All of it")
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", append([]string{"-C", r.path, "-c", "user.name=TEST", "-c", "user.email=test@example.org"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// version is what the script prints in a folder.
func version(t *testing.T, folder string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, versionScript))
	cmd.Env = append(append(os.Environ(), "CPX_VERSION="), env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestVersionOfABuild: only a commit with the tag of VERSION gives a release, and a tag
// of another version gives no build at all.
func TestVersionOfABuild(t *testing.T) {
	for name, c := range map[string]struct {
		version string
		do      func(r repository)
		env     string
		want    string // COMMIT is the commit's; empty: it fails, and says says
		says    string
	}{
		"between releases": {version: "1.2.3", want: "1.2.3-dev+COMMIT"},
		"at the tag":       {version: "1.2.3", do: func(r repository) { r.git("tag", "v1.2.3") }, want: "1.2.3"},
		"with a message":   {version: "1.2.3", do: func(r repository) { r.git("tag", "-a", "-m", "x", "v1.2.3") }, want: "1.2.3"},
		"before a release": {version: "1.2.3-rc.1", do: func(r repository) { r.git("tag", "v1.2.3-rc.1") }, want: "1.2.3-rc.1"},
		"another tag":      {version: "1.2.3", do: func(r repository) { r.git("tag", "v1.2.4") }, says: "the tag v1.2.4 is on this commit, and VERSION says 1.2.3"},
		"both tags":        {version: "1.2.3", do: func(r repository) { r.git("tag", "v1.2.3"); r.git("tag", "v1.2.4") }, says: "the tag v1.2.4"},
		"no version's tag": {version: "1.2.3", do: func(r repository) { r.git("tag", "vendor"); r.git("tag", "nightly") }, want: "1.2.3-dev+COMMIT"},
		"after the tag": {version: "1.2.3", do: func(r repository) {
			r.git("tag", "v1.2.3")
			r.git("commit", "-q", "--allow-empty", "-m", "More")
		}, want: "1.2.3-dev+COMMIT"},
		"a blank in VERSION": {version: "1.2.3", do: func(r repository) {
			r.git("tag", "v1.2.3")
			r.write("VERSION", "1.2.3 \n")
		}, says: "is no version"},
		"changed": {version: "1.2.3", do: func(r repository) {
			r.git("tag", "v1.2.3")
			r.write(".gitattributes", "# changed\n")
		}, want: "1.2.3-dev+COMMIT.modified"},
		"built beside":     {version: "1.2.3", do: func(r repository) { r.git("tag", "v1.2.3"); r.write("out", "x") }, want: "1.2.3"},
		"no version":       {version: "1.2", says: `"1.2" is no version`},
		"a packager's":     {version: "1.2.3", env: "CPX_VERSION=1.2.3+deb13u1", want: "1.2.3+deb13u1"},
		"a packager's bad": {version: "1.2.3", env: "CPX_VERSION=v1.2.3", says: `"v1.2.3" is no version`},
		"a folder":         {version: "1.2.3", do: func(r repository) { r.remove(".git") }, want: "1.2.3-dev"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepository(t, c.version)
			commit := r.git("rev-parse", "HEAD")
			if c.do != nil {
				c.do(r)
			}
			if name == "after the tag" {
				commit = r.git("rev-parse", "HEAD")
			}
			got, err := version(t, r.path, c.env)
			want := strings.ReplaceAll(c.want, "COMMIT", commit[:12])
			if (err != nil) != (want == "") || want != "" && got != want || !strings.Contains(got, c.says) {
				t.Errorf("%q, %v; want %q %s", got, err, want, c.says)
			}
		})
	}
}

// TestVersionOfAnArchive: what git archive makes of a tag is that release, and of any
// other commit it is none. The name of a branch is data, whatever a shell would make of it.
func TestVersionOfAnArchive(t *testing.T) {
	need.Program(t, "tar")
	r := newRepository(t, "1.2.3")
	r.git("tag", "v1.2.3")
	r.git("commit", "-q", "--allow-empty", "-m", "More")
	r.git("branch", "x';exit${IFS}7;'")
	r.git("branch", "l'accueil")
	for of, want := range map[string]string{"v1.2.3": "1.2.3", "main": "1.2.3-dev+" + r.git("rev-parse", "--short=12", "main")} {
		folder := t.TempDir()
		r.git("archive", "-o", filepath.Join(folder, "a.tar"), of)
		if out, err := exec.CommandContext(t.Context(), "tar", "-C", folder, "-xf", filepath.Join(folder, "a.tar")).CombinedOutput(); err != nil {
			t.Fatalf("tar: %v\n%s", err, out)
		}
		if got, err := version(t, folder); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", of, got, err, want)
		}
	}
}

func (r repository) write(file, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.path, file), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) remove(file string) {
	r.t.Helper()
	if err := os.RemoveAll(filepath.Join(r.path, file)); err != nil {
		r.t.Fatal(err)
	}
}
