package attack

import (
	"fmt"
	"net/http"
	"strings"
)

func line20() []Attack {
	return []Attack{{Line: 20, Title: "a person's settings widen the machine's policy", Empty: true, Play: widenedSettings}}
}

func widenedSettings(w *World, r *Record) error {
	m, err := w.manage()
	if err != nil {
		return err
	}
	const foreign = "https://attaque.example"
	err = m.settings(fmt.Sprintf("modules = [\"/nowhere/evil.so\"]\npinentry = \"/nowhere/evil\"\n[origins]\nmode = \"ask\"\nallow = [%q, %q]\n[pin]\nsession = \"4h\"\n[wss]\nenabled = true\n", foreign, m.Origin))
	if err != nil {
		return err
	}
	err = m.with(func() error {
		_, response, err := m.Dial(foreign, nil)
		status := 0
		if response != nil {
			status = response.StatusCode
		}
		r.Check(err != nil && status == http.StatusForbidden && m.Refused("origin_not_listed") == 1, "a site that the person's settings allow", "%d, %d refusals in the log", status, m.Refused("origin_not_listed"))
		for _, key := range []string{"modules", "pinentry", "origins.mode", "pin.session", "wss.enabled"} {
			r.Check(strings.Count(m.Log(), "key="+key+" ") == 1, "the person's "+key, "%d lines of what is not taken", strings.Count(m.Log(), "key="+key+" "))
		}
		err = m.Login()
		r.Check(err == nil, "the policy's own portal logs in", "%v", err)
		return nil
	})
	if err != nil {
		return err
	}
	for what, text := range map[string]string{
		"not TOML": "modules = [", "an unknown key": "origin = \"x\"\n", "a wrong type": "modules = 3\n",
		"an open wildcard": "[origins]\nallow = [\"https://*.fr\"]\n", "a relative module": "modules = [\"evil.so\"]\n",
	} {
		if err := m.policy(text); err != nil {
			return err
		}
		status, out := m.ends("run", "--no-tray")
		r.Check(status == 2 && strings.Contains(out, policyFile+":"), "a policy that is "+what, "status %d, %s", status, firstLine(out))
	}
	return nil
}
