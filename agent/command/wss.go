package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
)

// wssText is what `wss` says to a person.
type wssText struct {
	Installed, Removed, NothingThere string
	NotRemoved, Asks, Off, Ends      string
	TrustedBy, NotBy, Older, Renew   string
}

var wssWords = map[string]wssText{
	agent.French: {
		Installed:    "Certificat installé, valable jusqu’au %s. Reconnu par : %s",
		Removed:      "Certificat retiré de : %s",
		NothingThere: "Il n’y a aucun certificat à retirer.",
		NotRemoved:   "Pas encore retiré : %s",
		Asks:         "Le système va demander votre accord pour changer ses certificats.",
		Off:          "wss n’est pas activé : mettez enabled = true dans [wss] des réglages.",
		Ends:         "Certificat valable jusqu’au %s.",
		TrustedBy:    "Reconnu par : %s",
		NotBy:        "N’est plus reconnu par : %s. Lancez « cpx-agent wss install ».",
		Older:        "Anciens certificats encore reconnus : %d. Relancez « cpx-agent wss install » ou « cpx-agent wss remove ».",
		Renew:        "Il arrive à son terme : lancez « cpx-agent wss install ».",
	},
	agent.English: {
		Installed:    "Certificate installed, valid until %s. Trusted by: %s",
		Removed:      "Certificate taken out of: %s",
		NothingThere: "There is no certificate to take out.",
		NotRemoved:   "Not taken out yet: %s",
		Asks:         "The system will ask whether its certificates may be changed.",
		Off:          "wss is not switched on: put enabled = true under [wss] in the settings.",
		Ends:         "Certificate valid until %s.",
		TrustedBy:    "Trusted by: %s",
		NotBy:        "Not trusted any more by: %s. Run `cpx-agent wss install`.",
		Older:        "Older certificates that are still trusted: %d. Run `cpx-agent wss install` or `cpx-agent wss remove` again.",
		Renew:        "It ends soon: run `cpx-agent wss install`.",
	},
}

func localCertificate() (*localcert.Store, error) {
	dir, err := agent.StateDir()
	if err != nil {
		return nil, err
	}
	return localcert.New(localcert.Options{Dir: dir, Keys: keyring.Ring{Unlock: true}}), nil
}

func wss(ctx context.Context, p settings, what string, stdout, stderr io.Writer) int {
	lang := language(p, stderr)
	store, err := localCertificate()
	if err == nil {
		switch what {
		case "install":
			return wssInstall(ctx, p, store, lang, stdout, stderr)
		case "remove":
			return wssRemove(ctx, store, lang, stdout, stderr)
		}
		var st localcert.Status
		if st, err = store.Status(ctx); err == nil {
			return wssStatus(p, st, lang, stdout)
		}
	}
	return wssFailed(err, lang, stderr)
}

func wssFailed(err error, lang string, stderr io.Writer) int {
	fmt.Fprintln(stderr, "cpx-agent:", localcert.Why(err, lang)+wssDetail(err, lang))
	return exitProblem
}

// wssDetail is what IT support needs beyond the words.
func wssDetail(err error, lang string) string {
	if d := localcert.Detail(err); d != "" {
		return " " + fmt.Sprintf(texts[lang].detail, agent.Printable(d))
	}
	return ""
}

func wssInstall(ctx context.Context, p settings, store *localcert.Store, lang string, stdout, stderr io.Writer) int {
	w := wssWords[lang]
	if runtime.GOOS != "linux" {
		fmt.Fprintln(stderr, w.Asks)
	}
	r, err := store.Install(ctx)
	if err != nil {
		return wssFailed(err, lang, stderr)
	}
	fmt.Fprintf(stdout, w.Installed+"\n", agent.Date(r.End, lang), strings.Join(r.Stores, ", "))
	if !p.WSS.Enabled {
		fmt.Fprintln(stderr, w.Off)
	}
	return problems(r.Problems, lang, stderr)
}

func problems(list []error, lang string, stderr io.Writer) int {
	exit := exitGood
	for _, err := range list {
		exit = wssFailed(err, lang, stderr)
	}
	return exit
}

func wssRemove(ctx context.Context, store *localcert.Store, lang string, stdout, stderr io.Writer) int {
	w := wssWords[lang]
	if runtime.GOOS != "linux" {
		fmt.Fprintln(stderr, w.Asks)
	}
	r, err := store.Remove(ctx)
	if err != nil {
		return wssFailed(err, lang, stderr)
	}
	switch {
	case len(r.Problems) > 0:
		for _, err := range r.Problems {
			if errors.Is(err, localcert.ErrLost) {
				wssFailed(err, lang, stderr)
				continue
			}
			fmt.Fprintf(stderr, "cpx-agent: "+w.NotRemoved+"%s\n", localcert.Why(err, lang), wssDetail(err, lang))
		}
		return exitProblem
	case len(r.Stores) == 0:
		fmt.Fprintln(stdout, w.NothingThere)
	default:
		fmt.Fprintf(stdout, w.Removed+"\n", strings.Join(r.Stores, ", "))
	}
	return exitGood
}

func wssStatus(p settings, st localcert.Status, lang string, stdout io.Writer) int {
	w := wssWords[lang]
	exit := exitGood
	problem := func(format string, args ...any) {
		fmt.Fprintf(stdout, format+"\n", args...)
		exit = exitProblem
	}
	switch {
	case !st.Installed:
		problem("%s", localcert.Why(localcert.ErrNotInstalled, lang))
	case time.Now().After(st.End):
		problem("%s", localcert.Why(localcert.ErrExpired, lang))
	default:
		fmt.Fprintf(stdout, w.Ends+"\n", agent.Date(st.End, lang))
		if st.Renew(time.Now()) {
			problem("%s", w.Renew)
		}
	}
	if len(st.Trusted) > 0 {
		fmt.Fprintf(stdout, w.TrustedBy+"\n", strings.Join(st.Trusted, ", "))
	}
	if len(st.Missing) > 0 {
		problem(w.NotBy, strings.Join(st.Missing, ", "))
	}
	if st.Left > 0 {
		problem(w.Older, st.Left)
	}
	if !p.WSS.Enabled {
		problem("%s", w.Off)
	}
	return exit
}
