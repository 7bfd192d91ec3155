package doctor

import (
	"slices"
	"sync"
)

// Scope is what a finding is about, and so who mends it.
type Scope string

// The scopes. Those of the machine are the same whoever sits there, so that an inventory
// which runs as root or SYSTEM may look for them alone.
const (
	OfMachine Scope = "machine" // packages, services, policies, ports
	OfPerson  Scope = "person"  // who runs doctor: their agent, desktop, keyring, settings and files
	OfReader  Scope = "reader"  // what is plugged in
	OfCard    Scope = "card"    // what is put in
)

// Scopes are all scopes.
func Scopes() []Scope { return []Scope{OfMachine, OfPerson, OfReader, OfCard} }

// Code is what is fixed about a finding: its name never changes, nor what it means, and it
// never gets another check. Outcomes and scopes may be added to.
type Code struct {
	Name     string
	Check    string    // "": of every check
	Scopes   []Scope   // the usual one first
	Outcomes []Outcome // the usual one first
	Meaning  string    // in English, as the documents and the schema have it
	Cure     string    // "": there is nothing to do
}

// Codes are all codes, in the order of the checks.
func Codes() []Code {
	return slices.Concat(anyCodes, settingsCodes, readerCodes, cardCodes, certificateCodes, dialogCodes, personCodes, machineCodes, agentCodes, browserCodes, wssCodes, loopbackCodes, startCodes)
}

// byName are the same.
var byName = sync.OnceValue(func() map[string]Code {
	all := map[string]Code{}
	for _, c := range Codes() {
		all[c.Name] = c
	}
	return all
})

// Known reports whether there is such a code.
func Known(code string) bool { _, known := byName()[code]; return known }

func of(s ...Scope) []Scope       { return s }
func ends(o ...Outcome) []Outcome { return o }

var anyCodes = []Code{
	{"late", "", Scopes(), ends(Problem), "a check did not answer in time", "readers: unplug and plug in again; keyring: log in to the desktop again; else report it"},
	{"failed", "", Scopes(), ends(Unknown), "a check broke off by a defect of doctor's", "report it"},
}

var settingsCodes = []Code{
	{"settings_taken", "settings", of(OfMachine), ends(Good), "all settings are taken", ""},
	{"settings_bad", "settings", of(OfMachine, OfPerson), ends(Problem), "settings cannot be read, and no agent starts", "mend the file or value that `subject` and text name"},
	{"settings_untrusted", "settings", of(OfMachine), ends(Problem), "others than the administrator may write the policy, which is not taken", "the command in `next`"},
	{"settings_writable", "settings", of(OfPerson), ends(Notice), "others may write the person's own settings", "the command in `next`"},
	{"setup_not_taken", "settings", of(OfMachine), ends(Notice), "settings given to the Windows package do not count beside group policy", "set them by group policy too"},
	{"setting_not_taken", "settings", of(OfMachine, OfPerson), ends(Problem), "one setting is not taken", "mend or remove it where the text says"},
}

var readerCodes = []Code{
	{"pcsc_runs", "pcsc", of(OfMachine), ends(Good), "PC/SC answers", ""},
	{"no_pcsc_library", "pcsc", of(OfMachine), ends(Problem), "PC/SC is not installed", "packages pcscd and libpcsclite1; Windows: `sfc /scannow`"},
	{"no_pcsc_service", "pcsc", of(OfMachine), ends(Problem), "PC/SC does not answer", "start or restart its service"},
	{"pcsc_disabled", "pcsc", of(OfMachine), ends(Problem), "Windows' service for smart cards is disabled", "`sc config SCardSvr start= demand`"},
	{"pcsc_no_permission", "pcsc", of(OfMachine), ends(Problem), "PC/SC refuses this session, as over ssh", "run it on the desktop, or allow it by a rule of polkit"},
	{"reader", "pcsc", of(OfReader), ends(Good), "a reader", ""},
	{"no_reader", "pcsc", of(OfReader), ends(Problem), "no reader is plugged in", "plug it in; over a remote desktop redirect smart cards"},
}

var cardCodes = []Code{
	{"cards_late", "cards", of(OfCard), ends(Unknown), "the cards have not been read to the end", "ask again"},
	{"no_module", "cards", of(OfMachine), ends(Problem, Unknown), "no card module is installed", "install the vendor's"},
	{"module_works", "cards", of(OfMachine), ends(Good), "a card module works", ""},
	{"module_opening", "cards", of(OfMachine), ends(Unknown), "a card module is still being opened", "ask again"},
	{"module_failed", "cards", of(OfMachine), ends(Problem), "a card module does not exist or does not work", "install it again, or mend its path in `modules`"},
	{"module_hanging", "cards", of(OfMachine), ends(Problem), "a card module does not answer", "unplug the reader; restart PC/SC; install the module again"},
	{"module_not_pkcs11", "cards", of(OfMachine), ends(Problem), "a file is no card module", "name the module itself"},
	{"module_not_loadable", "cards", of(OfMachine), ends(Problem), "the system refuses to load a card module", "what `next` says"},
	{"module_missing_dependency", "cards", of(OfMachine), ends(Problem), "a library that a card module needs is missing", "install that library"},
	{"module_wrong_architecture", "cards", of(OfMachine), ends(Problem), "a card module is for the other architecture", "install the one of 64 or 32 bits"},
	{"module_stale_cache", "cards", of(OfMachine), ends(Problem), "a card module tells of another card than the one in the reader", "empty the folder that `next` names"},
	{"module_untrusted_owner", "cards", of(OfMachine), ends(Problem), "others may write a card module that the policy names, or, with `--scope machine`, any: it is not loaded", "the command in `next`"},
	{"module_writable", "cards", of(OfMachine), ends(Notice), "others may write a card module that a person names", "the command in `next`"},
	{"module_fails_with_cps", "cards", of(OfMachine), ends(Notice, Problem), "this version of OpenSC ends each login with a CPS", "another version, or the vendor's module"},
	{"card_usable", "cards", of(OfCard), ends(Good), "a card can be used to log in", ""},
	{"no_card", "cards", of(OfCard), ends(Unknown), "no card is in a reader", "put one in"},
	{"no_usable_certificate", "cards", of(OfCard), ends(Problem), "no certificate of the card can be used", "what the other findings say; else another card"},
	{"card_failed", "cards", of(OfCard), ends(Problem, Notice), "a card cannot be read", "take it out and put it in again; another card"},
	{"card_mute", "cards", of(OfCard), ends(Problem, Notice), "a card does not answer", "put it in the right way round; clean it; another card"},
	{"card_contactless", "cards", of(OfCard), ends(Problem, Notice), "a CPS lies on a contactless reader", "put it into a reader"},
	{"card_unknown", "cards", of(OfCard), ends(Problem, Notice), "no module knows the card", "another card, or the module for this one"},
	{"certificates_hidden", "cards", of(OfCard), ends(Problem, Notice), "the card shows no certificate before its PIN", "whoever prepares the cards: certificate readable without PIN"},
	{"pin_locked", "cards", of(OfCard), ends(Problem, Notice), "the PIN is locked", "the unlocking code, in the issuer's tool"},
	{"pin_locked_or_in_use", "cards", of(OfCard), ends(Unknown), "the PIN is locked, or another program has the card open", "close the other program"},
	{"pin_not_set", "cards", of(OfCard), ends(Problem, Notice), "the card has no PIN yet", "set it by its issuer's tool"},
	{"pin_expired", "cards", of(OfCard), ends(Problem, Notice), "the PIN must be changed first", "change it by its issuer's tool"},
	{"pin_final_try", "cards", of(OfCard), ends(Notice), "one try is left", "type it with care, or have it unlocked"},
	{"pin_count_low", "cards", of(OfCard), ends(Notice), "few tries are left", "type it with care"},
}

// Each may be a problem where it is the certificate that the person has chosen.
var certificateCodes = []Code{
	{"certificate_usable", "cards", of(OfCard), ends(Good, Unknown), "a certificate can be used", ""},
	{"certificate_ends_soon", "cards", of(OfCard), ends(Notice), "a certificate ends within 60 days", "order the next card"},
	{"certificate_by_module", "cards", of(OfCard), ends(Notice), "a certificate cannot be used by this module", "what the finding on the module says"},
	{"certificate_expired", "cards", of(OfCard), ends(Problem, Notice), "a certificate has ended", "another card"},
	{"certificate_not_yet_valid", "cards", of(OfCard), ends(Notice, Problem), "a certificate is not valid yet", "wait, or set the clock"},
	{"certificate_not_for_authentication", "cards", of(OfCard), ends(Good, Problem), "a certificate is for another use", ""},
	{"certificate_key_without_pin", "cards", of(OfCard), ends(Notice, Problem), "the card signs without a PIN", "no login takes it"},
	{"certificate_unreadable", "cards", of(OfCard), ends(Problem, Notice), "a certificate cannot be read", "another card"},
	{"certificate_no_key", "cards", of(OfCard), ends(Problem, Notice), "the key of a certificate is not on the card", "another card"},
	{"certificate_key_unsupported", "cards", of(OfCard), ends(Problem, Notice), "the card cannot sign by any algorithm of a login", "another card, or the vendor's module"},
	{"certificate_pin_locked", "cards", of(OfCard), ends(Notice, Problem), "a certificate whose PIN is locked", "as `pin_locked`"},
	{"certificate_pin_not_set", "cards", of(OfCard), ends(Notice, Problem), "a certificate whose PIN is not set", "as `pin_not_set`"},
	{"certificate_pin_expired", "cards", of(OfCard), ends(Notice, Problem), "a certificate whose PIN must be changed", "as `pin_expired`"},
}

var dialogCodes = []Code{
	{"display_answers", "dialogs", of(OfPerson), ends(Good), "a window can be shown", ""},
	{"no_display", "dialogs", of(OfPerson), ends(Problem, Unknown), "no window can be shown, or from here that cannot be told", "run it on the desktop"},
	{"no_toolkit", "dialogs", of(OfMachine), ends(Notice), "GTK 3 is missing: neither a window of the agent's own nor its menu can be shown", "install it"},
	{"no_panel_library", "dialogs", of(OfMachine), ends(Notice), "the library for icons on a panel is missing: there is no menu", "install it"},
	{"dialog_window", "dialogs", of(OfMachine), ends(Good), "the agent's own window asks", ""},
	{"dialog_program", "dialogs", of(OfMachine), ends(Good), "a pinentry program is there", ""},
	{"dialog_program_alone", "dialogs", of(OfPerson), ends(Good), "that program asks everything", ""},
	{"no_dialog_program", "dialogs", of(OfMachine), ends(Problem), "nothing can ask for the PIN", "install a pinentry, or mend `pinentry`"},
	{"dialog_program_untrusted", "dialogs", of(OfMachine), ends(Problem), "others may write the dialog program that the policy names", "the command in `next`"},
	{"dialog_program_writable", "dialogs", of(OfMachine), ends(Notice), "others may write the dialog program", "the command in `next`"},
}

var personCodes = []Code{
	{"pin_session_watched", "session", of(OfPerson), ends(Good), "the agent learns when the person leaves", ""},
	{"pin_session_unknown", "session", of(OfPerson), ends(Unknown), "from here that cannot be told", "run it on the desktop"},
	{"pin_session_unwatched", "session", of(OfPerson), ends(Notice), "nothing tells when the person leaves: `pin.session` is not used", "a desktop with a screen lock"},
	{"keyring_open", "keyring", of(OfPerson), ends(Good), "the keyring is open", ""},
	{"keyring_unknown", "keyring", of(OfPerson), ends(Unknown), "from here that cannot be told", "run it on the desktop"},
	{"no_keyring", "keyring", of(OfPerson), ends(Notice, Good), "there is no keyring: no site is remembered", "install one"},
	{"keyring_locked", "keyring", of(OfPerson), ends(Notice, Good), "the keyring is locked", "unlock it"},
	{"keyring_entry_locked", "keyring", of(OfPerson), ends(Notice, Good), "the agent's entry in the keyring is locked", "KeePassXC: switch its confirmation off"},
	{"keyring_no_collection", "keyring", of(OfPerson), ends(Notice, Good), "the keyring shows no database to programs", "KeePassXC: expose one"},
	{"keyring_slow", "keyring", of(OfPerson), ends(Notice, Good), "the keyring does not answer", "log in to the desktop again"},
	{"keyring_refused", "keyring", of(OfPerson), ends(Notice, Good), "the keyring refuses", "log in to the desktop again"},
	{"log_kept", "storage", of(OfPerson), ends(Good), "a log is kept", ""},
	{"log_full", "storage", of(OfPerson), ends(Notice), "the disk is full: no log is kept, nothing new is remembered", "make room"},
	{"log_refused", "storage", of(OfPerson), ends(Notice), "the log cannot be written", "let the person write in its folder"},
	{"audit_log_refused", "storage", of(OfPerson), ends(Notice), "`audit.log` cannot be written", "let the person write that file"},
	{"events_sent", "storage", of(OfMachine), ends(Good), "security events go to the system's log", ""},
	{"events_nowhere", "storage", of(OfMachine), ends(Notice), "`log.events` is set, and there is no system's log to send them to", "as `next` says"},
	{"events_unregistered", "storage", of(OfMachine), ends(Notice), "Windows' event log does not know the source of security events", "as `next` says"},
	{"runtime_full", "storage", of(OfPerson), ends(Problem), "no room for the agent's lock and socket: none can start", "make room there"},
}

var machineCodes = []Code{
	{"callers_known", "callers", of(OfMachine), ends(Good), "the system tells who connects", ""},
	{"callers_failed", "callers", of(OfMachine), ends(Problem), "it does not, for a reason without a name", "report it"},
	{"callers_unsupported", "callers", of(OfMachine), ends(Problem), "no agent serves on this system", "a machine with Linux or Windows"},
	{"callers_forbidden", "callers", of(OfMachine), ends(Problem), "a container, a unit of systemd or a security policy keeps the agent from asking the kernel", "allow AF_NETLINK there"},
	{"callers_no_sock_diag", "callers", of(OfMachine), ends(Problem), "the kernel has no sock_diag, as in WSL 1", "WSL 2, or an ordinary Linux"},
	{"callers_no_module", "callers", of(OfMachine), ends(Problem), "the kernel's module tcp_diag is missing or not loaded", "`modprobe tcp_diag`, and at each start"},
	{"callers_no_loopback", "callers", of(OfMachine), ends(Problem), "no connection gets through on 127.0.0.1 or ::1", "switch lo on; let the firewall pass it"},
	{"callers_intercepted", "callers", of(OfMachine), ends(Problem), "local connections go through another program", "exclude 127.0.0.1 and ::1 in it"},
	{"callers_virtual_loopback", "callers", of(OfMachine), ends(Problem), "a terminal server gives the agent another loopback address", "take agent and browsers off its list"},
	{"callers_loopback_cut", "callers", of(OfMachine), ends(Problem), "local connections are cut", "allow the agent's program in antivirus or firewall"},
}

var agentCodes = []Code{
	{"no_agent", "agent", of(OfPerson), ends(Problem), "no agent of the person's runs", "start it as `next` says"},
	{"agent_runs", "agent", of(OfPerson), ends(Good), "an agent runs", ""},
	{"agent_answers", "agent", of(OfPerson), ends(Good), "an agent runs, where the system does not tell who holds ports", ""},
	{"agent_starting", "agent", of(OfPerson), ends(Unknown), "an agent is just starting", "ask again"},
	{"agent_not_asked", "agent", of(OfPerson), ends(Unknown), "an agent runs and cannot be asked from here", "run it on the desktop, or with XDG_RUNTIME_DIR"},
	{"agent_silent", "agent", of(OfPerson), ends(Problem), "an agent runs and does not answer", "quit it in its menu, or end its process"},
	{"agent_deaf", "agent", of(OfPerson), ends(Problem), "an agent runs and no browser reaches it", "quit it in its menu, or end its process"},
	{"agent_replaced", "agent", of(OfPerson), ends(Notice), "an agent runs, of the version `subject`, and another one is installed", "nothing; or `cpx-agent restart`, while no login runs"},
	{"agent_removed", "agent", of(OfPerson), ends(Notice), "an agent runs, of the version `subject`, and its program is no longer installed", "quit it, or install it anew"},
	{"agent_serves_wss", "agent", of(OfPerson), ends(Good), "an agent serves wss", ""},
	{"agent_no_wss", "agent", of(OfPerson), ends(Problem), "an agent does not serve the wss that the settings want", "what the text says, or start it anew"},
	{"sites_paused", "agent", of(OfPerson), ends(Notice), "for some minutes the agent asks about no site that is not allowed", "`cpx-agent sites resume`"},
	{"no_free_port", "agent", of(OfMachine), ends(Problem), "all of the agent's ports are taken", "raise `ports.count`, in the portals too, or end the programs that hold them"},
	{"ports_reserved", "agent", of(OfMachine), ends(Problem), "Windows keeps all of the agent's ports to itself", "reserve them as `next` says"},
	{"ports_unknown", "agent", of(OfMachine), ends(Unknown), "the system does not tell who holds ports", ""},
	{"port_taken", "agent", of(OfMachine), ends(Problem), "another program of the same account has a port of the agent's", "end it if nobody knows it"},
	{"port_taken_unknown", "agent", of(OfMachine), ends(Unknown), "such a program, which cannot be named", ""},
	{"port_other_user", "agent", of(OfMachine), ends(Unknown), "a program of another account has a port of the agent's: an agent, or not", ""},
	{"port_other_agent", "agent", of(OfMachine), ends(Good), "an agent of another account, or of another session of this one", ""},
	{"port_other_program", "agent", of(OfMachine), ends(Problem), "a program of another account, which is no agent, has a port of the agent's", "end it if nobody knows it; else nothing: the agent takes the next port"},
}

var browserCodes = []Code{
	{"no_portal_named", "browsers", of(OfMachine), ends(Good), "the settings name no portal", ""},
	{"portals_local", "browsers", of(OfMachine), ends(Good), "no browser asks about these portals", ""},
	{"no_browser", "browsers", of(OfMachine), ends(Unknown), "no browser was found", ""},
	{"policy_in_force", "browsers", of(OfMachine), ends(Good), "the browser lets the portals reach the agent", ""},
	{"policy_none", "browsers", of(OfMachine), ends(Good), "the browser asks the person once", ""},
	{"policy_missing", "browsers", of(OfMachine), ends(Problem), "portals of the machine's policy that the browser asks about", "`cpx-agent policy browsers`"},
	{"policy_blocks", "browsers", of(OfMachine), ends(Problem), "a policy of the browser keeps portals from the agent", "take them out of it"},
	{"policy_malformed", "browsers", of(OfMachine), ends(Problem), "a policy file of the browser's is none", "mend that file"},
	{"policy_flatpak", "browsers", of(OfMachine), ends(Unknown), "a Flatpak's policies cannot be seen from outside", "as `next` says"},
	{"policy_unknown", "browsers", of(OfMachine), ends(Unknown), "the browser's policies cannot be read", ""},
}

var wssCodes = []Code{
	{"wss_off", "wss", of(OfPerson), ends(Good), "wss is not wanted", ""},
	{"wss_ready", "wss", of(OfPerson), ends(Good), "the certificate of wss is in place", ""},
	{"wss_damaged", "wss", of(OfPerson), ends(Problem), "the certificate of wss cannot be read", "what the text says"},
	{"wss_no_certificate", "wss", of(OfPerson), ends(Problem), "there is no certificate of wss, or no key for it", "what the text says"},
	{"wss_not_trusted", "wss", of(OfPerson), ends(Problem), "browsers do not trust the certificate of wss", "`cpx-agent wss install`"},
	{"wss_ends_soon", "wss", of(OfPerson), ends(Problem), "the certificate of wss ends soon", "`cpx-agent wss install`"},
	{"wss_left", "wss", of(OfPerson), ends(Problem), "older certificates of wss are still trusted", "`cpx-agent wss install` or `remove`"},
	{"wss_not_needed", "wss", of(OfPerson), ends(Problem), "wss is off, and its certificate still trusted", "`cpx-agent wss remove`"},
}

var loopbackCodes = []Code{
	{"no_virtual_loopback", "loopback", of(OfMachine), ends(Good), "no terminal server gives programs another loopback", ""},
	{"virtual_loopback_others", "loopback", of(OfMachine), ends(Good), "one does, to neither agent nor browsers", ""},
	{"virtual_loopback_excluded", "loopback", of(OfMachine), ends(Good), "one does, except on the agent's ports", ""},
	{"virtual_loopback", "loopback", of(OfMachine), ends(Problem), "one does, to the agent or browsers", "both or neither in that list"},
	{"virtual_loopback_all", "loopback", of(OfMachine), ends(Problem), "one does, to every program", "switch it off for these"},
	{"virtual_loopback_on", "loopback", of(OfMachine), ends(Unknown), "one does; to which programs cannot be read", "look at its list"},
	{"virtual_loopback_elsewhere", "loopback", of(OfMachine), ends(Unknown), "one does, and spares the session in which doctor looks", "run it in a person's session"},
	{"virtual_loopback_unknown", "loopback", of(OfMachine), ends(Unknown), "those settings cannot be read", ""},
}

var startCodes = []Code{
	{"autostart", "autostart", of(OfPerson, OfMachine), ends(Good), "the agent starts with the desktop", ""},
	{"no_autostart", "autostart", of(OfPerson, OfMachine), ends(Problem), "nothing starts the agent with the desktop", "`cpx-agent autostart enable`, or the package's own"},
	{"autostart_broken", "autostart", of(OfPerson, OfMachine), ends(Problem), "what starts it names a program that is not there", "the same"},
	{"autostart_unsupervised", "autostart", of(OfPerson, OfMachine), ends(Notice), "nothing starts it anew after a crash", "`cpx-agent run --supervise`"},
	{"autostart_other_program", "autostart", of(OfPerson, OfMachine), ends(Notice), "another copy of the agent is started than this one", "`cpx-agent autostart enable`"},
	{"autostart_unknown", "autostart", of(OfPerson, OfMachine), ends(Unknown), "what starts it cannot be read", ""},
	{"menu", "menu", of(OfPerson), ends(Good), "the agent stands in the applications' menu", ""},
	{"no_menu", "menu", of(OfPerson), ends(Notice), "the agent does not stand in the applications' menu", "`cpx-agent shortcut add`, or the package"},
	{"menu_broken", "menu", of(OfPerson), ends(Notice), "the menu names a program that is not there", "the same"},
	{"menu_other_program", "menu", of(OfPerson), ends(Notice), "the menu starts another copy than this one", "the same"},
	{"menu_unknown", "menu", of(OfPerson), ends(Unknown), "what stands in the menu cannot be read", ""},
}
