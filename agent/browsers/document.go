package browsers

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// The names of the documents for systems where policies are imported.
const (
	regFile     = "cpx-bridge-browsers.reg"
	profileFile = "cpx-bridge-browsers.mobileconfig"
	// sharedProfileFile is a profile of its own, beside that of the portals: a new one
	// of the same name would replace the portals' lists by none.
	sharedProfileFile = "cpx-bridge-shared.mobileconfig"
)

// planDocument plans a document that an administrator imports: a registry file, or
// a configuration profile. It does not know the existing entries.
func planDocument(r Request, entries []entry) []Change {
	if len(entries) == 0 && r.Shared != SharedSet {
		return nil // a profile is removed as a whole, and a registry file only adds
	}
	text, name := regText(r, entries), regFile
	if r.System == MacOS {
		text, name = profileText(r, entries), profileFile
		if r.OnlyShared {
			name = sharedProfileFile
		}
	}
	c := Change{Where: name, Text: text, Changed: true}
	if r.Root != "" {
		c.Where = filepath.Join(r.Root, name)
		c.apply = func() error { return replace(c.Where, r.Root, []byte(text), "") }
	}
	return []Change{c}
}

// regFirst is the first number of our values in a registry file for the
// Chromium-based browsers, which accept any; others' values begin with 1.
const regFirst = 27720

// regText is a file for regedit. Firefox accepts a list only where it begins with
// 1, so the administrator has to check for others' entries.
func regText(r Request, entries []entry) string {
	var b strings.Builder
	b.WriteString("Windows Registry Editor Version 5.00\r\n")
	for _, browser := range r.Browsers {
		first := regFirst
		if browser == Firefox {
			first = 1
		}
		for _, l := range registryLists(r, browser, entries) {
			if len(l.values) == 0 {
				continue
			}
			fmt.Fprintf(&b, "\r\n[HKEY_LOCAL_MACHINE\\%s]\r\n", l.policy)
			for i, v := range l.values {
				fmt.Fprintf(&b, "\"%d\"=\"%s\"\r\n", first+i, v)
			}
		}
		if r.Shared == SharedSet {
			fmt.Fprintf(&b, "\r\n[HKEY_LOCAL_MACHINE\\%s]\r\n", policyKeys[browser])
			for _, s := range sharedPolicies(browser) {
				fmt.Fprintf(&b, "\"%s\"=dword:%08x\r\n", s.name(), s.digit())
			}
		}
	}
	return b.String()
}

// domainOf is the name of a browser's settings on macOS.
var domainOf = map[Browser]string{
	Chrome: "com.google.Chrome", Edge: "com.microsoft.Edge", Chromium: "org.chromium.Chromium", Firefox: "org.mozilla.firefox",
}

// profileText is a configuration profile (Apple, "Configuration Profile
// Reference"). The same names and UUIDs each time make a new profile replace the
// old one.
func profileText(r Request, entries []entry) string {
	id, title := "cpx-bridge.browsers", "CPx Bridge: portals"
	if r.OnlyShared {
		id, title = "cpx-bridge.shared", "CPx Bridge: shared workstations"
	}
	var payloads strings.Builder
	for _, b := range r.Browsers {
		name := domainOf[b]
		fmt.Fprintf(&payloads, payloadForm, profileSettings(r, b, entries), id+"."+name, name, profileUUID(id, name))
	}
	return fmt.Sprintf(profileForm, payloads.String(), title, id, profileUUID(id, "profile"))
}

const payloadForm = `    <dict>
%s      <key>PayloadIdentifier</key>
      <string>%s</string>
      <key>PayloadType</key>
      <string>%s</string>
      <key>PayloadUUID</key>
      <string>%s</string>
      <key>PayloadVersion</key>
      <integer>1</integer>
    </dict>
`

const profileForm = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadContent</key>
  <array>
%s  </array>
  <key>PayloadDisplayName</key>
  <string>%s</string>
  <key>PayloadIdentifier</key>
  <string>%s</string>
  <key>PayloadScope</key>
  <string>System</string>
  <key>PayloadType</key>
  <string>Configuration</string>
  <key>PayloadUUID</key>
  <string>%s</string>
  <key>PayloadVersion</key>
  <integer>1</integer>
</dict>
</plist>
`

func profileUUID(id, name string) string {
	sum := sha256.Sum256([]byte(id + "." + name))
	return strings.ToUpper(uuid.NewSHA1(uuid.UUID(sum[:16]), []byte(name)).String())
}

func profileSettings(r Request, b Browser, entries []entry) string {
	var text strings.Builder
	if b == Firefox {
		text.WriteString("      <key>EnterprisePoliciesEnabled</key>\n      <true/>\n")
		if len(entries) > 0 {
			text.WriteString("      <key>LocalNetworkAccess</key>\n      <dict>\n")
			plistArray(&text, "        ", "SkipDomains", domains(entries))
			text.WriteString("      </dict>\n")
		}
	} else {
		for _, l := range lists(r, b, entries) {
			if len(l.values) > 0 {
				plistArray(&text, "      ", l.policy, l.values)
			}
		}
	}
	if r.Shared == SharedSet {
		for _, s := range sharedPolicies(b) {
			fmt.Fprintf(&text, "      <key>%s</key>\n      <%s/>\n", s.name(), s.literal())
		}
	}
	return text.String()
}

func plistArray(to *strings.Builder, margin, key string, values []string) {
	fmt.Fprintf(to, "%s<key>%s</key>\n%s<array>\n", margin, key, margin)
	for _, v := range values {
		var escaped bytes.Buffer
		_ = xml.EscapeText(&escaped, []byte(v)) // writing to a buffer never fails
		fmt.Fprintf(to, "%s  <string>%s</string>\n", margin, escaped.String())
	}
	fmt.Fprintf(to, "%s</array>\n", margin)
}
