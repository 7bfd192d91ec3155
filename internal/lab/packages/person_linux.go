package packages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Portal is the site that the packages are told to allow.
const Portal = "https://portail.example.fr"

// labPrograms are the programs with which people are played, of this repository.
var labPrograms = []string{"./cmd/cpx-card", "./internal/lab/autopin", "./internal/lab/packages/login"}

// person is a user of a root who has a card in a virtual reader of their own, and an
// agent, started as the desktop starts it.
type person struct {
	root *root
	name string
	env  []string
	card *exec.Cmd
}

// answering is the line of a policy that names a dialog program which answers in people's
// place.
const answering = `pinentry = "/opt/lab/autopin"`

// peopled brings what people are played with.
func (r *root) peopled(ctx context.Context) error {
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-o", filepath.Join(r.work, "tmp") + "/"}, labPrograms...)...)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	// It counts in files beside it, whoever runs it.
	_, err := r.sh(ctx, `
mkdir -p /opt/lab
cp /tmp/autopin /opt/lab/
echo '{"pin": ["1234"], "confirm": ["ok"]}' >/opt/lab/autopin.json
touch /opt/lab/autopin.pins /opt/lab/autopin.confirms
chmod 666 /opt/lab/autopin.*`)
	return err
}

// newPerson makes the user, and a card of this type that the root's own OpenSC reads.
func newPerson(ctx context.Context, r *root, name, card string) (*person, error) {
	home := "/home/" + name
	p := &person{root: r, name: name, env: []string{
		"HOME=" + home, "USER=" + name, "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "PCSCLITE_CSOCK_NAME=" + home + "/card/pcscd",
	}}
	if _, err := r.sh(ctx, `
useradd --create-home --shell /bin/sh "$NAME"
install -d -o "$NAME" "/home/$NAME/card"
`, "NAME="+name); err != nil {
		return nil, err
	}
	p.card = p.command(context.WithoutCancel(ctx), "/tmp/cpx-card", "virtual", "--dir", home+"/card", "--type", card)
	said, err := os.Create(filepath.Join(r.work, "tmp", name+".card"))
	if err != nil {
		return nil, err
	}
	defer said.Close()
	p.card.Stdout, p.card.Stderr = said, said
	if err := p.card.Start(); err != nil {
		return nil, err
	}
	if err := p.until(ctx, "the reader is there", "test -S "+home+"/card/pcscd"); err != nil {
		text, _ := os.ReadFile(said.Name())
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return p, nil
}

// command is a command of the person's.
func (p *person) command(ctx context.Context, args ...string) *exec.Cmd {
	return p.root.command(ctx, p.env, append([]string{"setpriv", "--reuid", p.name, "--regid", p.name, "--init-groups", "--"}, args...)...)
}

// sh runs a script as the person.
func (p *person) sh(ctx context.Context, script string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := p.command(ctx, "sh", "-ec", script).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %s: %w\n%s", p.name, script, err, lastLines(out, 40))
	}
	return string(out), err
}

// starts starts the agent by the line of the entry in /etc/xdg/autostart.
func (p *person) starts(ctx context.Context) error {
	_, err := p.sh(ctx, `
exec </dev/null >>"$HOME/agent.out" 2>&1
line=$(sed -n 's/^Exec=//p' /etc/xdg/autostart/cpx-bridge.desktop)
eval "setsid $line &"`)
	return err
}

// logsIn logs in at the portal and returns the version of the agent that did.
func (p *person) logsIn(ctx context.Context) (string, error) {
	out, err := p.sh(ctx, "/tmp/login "+Portal+" $HOME/card/ca")
	if err != nil {
		said, _ := p.sh(ctx, "tail -n 15 $HOME/agent.out")
		err = fmt.Errorf("%w\n%s", err, said)
	}
	return strings.TrimSpace(out), err
}

// quits ends the agent as the person does.
func (p *person) quits(ctx context.Context) error {
	_, err := p.sh(ctx, "cpx-agent quit")
	return err
}

// agents are the processes of the program, the person's, in one line.
func (p *person) agents(ctx context.Context) (string, error) {
	out, err := p.root.sh(ctx, `
for process in /proc/[0-9]*; do
	case $(readlink "$process/exe") in
	/usr/bin/cpx-agent*) [ "$(stat -c %U "$process")" != "$NAME" ] || printf '%s ' "${process#/proc/}" ;;
	esac
done`, "NAME="+p.name)
	return strings.TrimSpace(out), err
}

// expectImages is an error where a process of the person's agent runs another file than the
// one that is installed, or, where it was replaced, than the one of before.
func (p *person) expectImages(ctx context.Context, replaced bool) error {
	_, err := p.root.sh(ctx, `
installed=$(stat -c '%d %i' /usr/bin/cpx-agent)
agents=0
for process in /proc/[0-9]*; do
	exe=$(readlink "$process/exe") || continue
	case $exe in /usr/bin/cpx-agent*) ;; *) continue ;; esac
	[ "$(stat -c %U "$process")" = "$NAME" ] || continue
	what="$(tr '\0' ' ' <"$process/cmdline")is $exe"
	agents=$((agents + 1))
	if [ "$(stat -L -c '%d %i' "$process/exe")" = "$installed" ]; then
		[ "$REPLACED" = false ] || { echo "$what: of the new version"; exit 1; }
	else
		[ "$REPLACED" = true ] || { echo "$what: of the version of before"; exit 1; }
	fi
done
[ $agents -ge 3 ] || { echo "$agents processes, and not a supervisor, an agent and a module"; exit 1; }`, "NAME="+p.name, fmt.Sprint("REPLACED=", replaced))
	return err
}

// restarts goes over to the version that is installed, by the command, as the person.
func (p *person) restarts(ctx context.Context) error {
	if _, err := p.sh(ctx, `cpx-agent doctor --json | grep -q '"code": "agent_replaced"'`); err != nil {
		return fmt.Errorf("doctor does not say that another version is installed: %w", err)
	}
	_, err := p.sh(ctx, `
cpx-agent restart
! cpx-agent doctor --json | grep -q '"code": "agent_replaced"'`)
	return err
}

// until waits until a script of the person's succeeds.
func (p *person) until(ctx context.Context, what, script string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if _, err := p.sh(ctx, script); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("not so: " + what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
