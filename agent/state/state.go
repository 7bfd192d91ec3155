// Package state is one model of how the agent and its cards are: what the menu,
// the doctor, the command line and a second start show of it.
//
// It is a leaf of codes and numbers, which the agent fills and everybody else
// reads; no sentence is inside its JSON, and nothing of it is secret. [State.Text]
// puts a state into words for a window or a terminal. Values may be shared once
// they are filled: nothing here changes one.
package state

import (
	"errors"
	"slices"
	"time"
)

// Name is what the agent calls itself to people, to allowed pages and in tokens.
const Name = "CPx Bridge"

// ErrLanguageFixed says that the machine's policy sets the language.
var ErrLanguageFixed = errors.New("state: the machine's policy sets the language")

// State is how the agent is.
type State struct {
	Version string `json:"version"`
	PID     int    `json:"pid"`
	Program string `json:"program,omitempty"` // its path; Linux says there, too, that the file was removed
	// Replaced is what its file is now, where that is no longer what runs.
	Replaced   *Replaced `json:"replaced,omitempty"`
	Addresses  []string  `json:"addresses"`
	WSS        []string  `json:"wss,omitempty"`        // the addresses of the encrypted socket
	WSSFailure *Failure  `json:"wssFailure,omitempty"` // why it is not served, though switched on: localcert.Reason
	WSSRenew   bool      `json:"wssRenew,omitempty"`   // its certificate ends soon
	Log        string    `json:"log,omitempty"`        // the log's file
	LogFailure *Failure  `json:"logFailure,omitempty"` // why it is not written: journal.Reason

	Lang      string `json:"lang"`
	LangFixed bool   `json:"langFixed,omitempty"` // the machine's policy sets it
	StaysOn   bool   `json:"staysOn,omitempty"`   // the settings have the menu not offer to end the agent

	Configured []string  `json:"settings"` // the modules that the settings name
	Ignored    []Setting `json:"notTaken,omitempty"`
	// SettingsFailure is why what the settings say now is not in force: those from before
	// are.
	SettingsFailure *Failure `json:"settingsFailure,omitempty"`
	Listed          []string `json:"listed,omitempty"` // origins that the settings allow

	Cards
	Card        string   `json:"cardState"`             // CardPresent, CardAbsent or CardUnknown
	ReaderCount int      `json:"readerCount"`           // PC/SC readers, and slots that are none and hold a token
	Arriving    bool     `json:"arriving,omitempty"`    // a card is in a reader and not read yet
	Polled      bool     `json:"polled,omitempty"`      // no event reports changes of some slot: the person may want to read anew
	Failure     *Failure `json:"failure,omitempty"`     // why the cards cannot be read
	InUse       bool     `json:"inUse,omitempty"`       // a login is asking the person, or uses the card
	CardSession bool     `json:"cardSession,omitempty"` // a card stays logged in

	Sites        []Site   `json:"allowedSites,omitempty"`   // that the person always allows
	Never        []Domain `json:"refusedDomains,omitempty"` // that the person refused from now on
	SitesFailure *Failure `json:"sitesFailure,omitempty"`   // why no site can be remembered: sites.Reason
	SitesKnown   bool     `json:"sitesKnown,omitempty"`     // sites are remembered by this agent
	// UnknownSitesPaused is until when nobody is asked about sites that are not allowed,
	// because too many dialogs of them led to nothing; zero: they are asked about.
	UnknownSitesPaused time.Time `json:"unknownSitesPausedUntil,omitzero"`

	// Failures are the last logins that failed, the newest first.
	Failures []LoginFailure `json:"failures,omitempty"`

	Desktop *Desktop `json:"desktop,omitempty"` // where it was asked for
}

// LoginFailure is a login that failed, as its page was told.
type LoginFailure struct {
	Time      time.Time `json:"time"`
	Code      int       `json:"code"`
	Reason    string    `json:"reason"`
	Detail    string    `json:"detail,omitempty"`
	Reference string    `json:"reference"` // of internal/reference
}

// Desktop is what only the agent's own desktop session knows: a command
// over ssh runs in another.
type Desktop struct {
	Display bool   `json:"display"`           // a window can be shown
	Keyring string `json:"keyring,omitempty"` // why nothing is remembered: sites.Reason
}

// Failure is why something does not work.
type Failure struct {
	Reason string `json:"reason"` // of protocol.Reasons or a detail, unless the field says otherwise
	Detail string `json:"detail"` // what the system or a module said, as in the log
}

// Setting is a setting that the agent did not take.
type Setting struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Key  string `json:"key"`
}

// Site is one that the person always allows.
type Site struct {
	Origin string    `json:"origin"`
	Since  time.Time `json:"since,omitzero"`
}

// Domain is a domain none of whose sites may use the card.
type Domain struct {
	Name    string    `json:"domain"`
	Since   time.Time `json:"since,omitzero"`
	Unsaved bool      `json:"unsaved,omitempty"` // it holds while the agent runs only
}

// The states of State.Card.
const (
	CardPresent = "present"
	CardAbsent  = "absent"
	CardUnknown = "unknown" // the first reading has not ended
)

// NoService is Cards.PCSC where the service does not answer.
const NoService = "no_service"

// NoPermission is Cards.PCSC where the service refuses this desktop session.
const NoPermission = "no_permission"

// Cards are the readers and cards. `cpx-agent certs --json` prints them.
type Cards struct {
	PCSC         string        `json:"pcsc,omitempty"`    // NoService or NoPermission: readers may be missing
	Reading      bool          `json:"reading,omitempty"` // the first reading has not ended
	Outdated     bool          `json:"late,omitempty"`    // a reading was asked for and has not ended: this is the last one
	Modules      []Module      `json:"modules"`
	Readers      []Reader      `json:"readers"`
	Certificates []Certificate `json:"certificates"`
}

// Module is a module and what it says of itself.
type Module struct {
	Path   string `json:"path"`
	Info   string `json:"info,omitempty"`
	Error  string `json:"error,omitempty"`  // what the system or the module said, as in the log
	Reason string `json:"reason,omitempty"` // of protocol.Reasons or a detail, where there is an error
	// Opening is set while it is being opened, and nothing else is known of it.
	Opening bool `json:"opening,omitempty"`
}

// PIN is what a card says of its PIN, the worst of it.
type PIN string

// How a PIN may stand.
const (
	PINGood     PIN = ""
	PINCountLow PIN = "count_low" // a wrong one was typed
	PINFinalTry PIN = "final_try" // one try is left
	PINLocked   PIN = "locked"
	PINNotSet   PIN = "not_set"
	PINExpired  PIN = "expired" // it must be changed before anything else
	// PINLockedOrInUse is a card that says that it is locked, and may say so because
	// another program has it open: a login finds out.
	PINLockedOrInUse PIN = "locked_or_in_use"
)

// Usable reports whether a login can use a card whose PIN stands so: no try is spent
// on a card that says that it would take none.
func (p PIN) Usable() bool { return p != PINLocked && p != PINNotSet && p != PINExpired }

// Reader is a reader and the card in it.
type Reader struct {
	Module  string `json:"module"`
	Name    string `json:"name"`
	Card    string `json:"card"` // the token's label, "" without a card
	Unknown bool   `json:"unknown,omitempty"`
	Hidden  bool   `json:"hidden,omitempty"` // no certificate is shown before a login
	Error   string `json:"error,omitempty"`  // why nothing on the card could be read, as in the log
	Mute    bool   `json:"mute,omitempty"`   // what is in it does not answer
	// Contactless is a CPS on a contactless reader, where no login can use it.
	Contactless bool `json:"contactless,omitempty"`
	PIN         PIN  `json:"pin,omitempty"`
}

// Why a certificate is not usable: of the certificate alone, as the details of
// no_certificate in docs/portal-developers.md, or because of its card's PIN.
const (
	ReasonUsable               = ""
	ReasonExpired              = "expired"
	ReasonNotYetValid          = "not_yet_valid"
	ReasonNotForAuthentication = "not_for_authentication"
	ReasonKeyWithoutPIN        = "key_without_pin"
	ReasonUnreadable           = "unreadable"
	ReasonNoKey                = "no_key"
	ReasonKeyUnsupported       = "key_unsupported"
	ReasonPINLocked            = "pin_locked"
	ReasonPINNotSet            = "pin_not_set"
	ReasonPINExpired           = "pin_expired"
)

// Certificate is a certificate on a card.
type Certificate struct {
	ID         string    `json:"id"`
	Holder     string    `json:"holder"`
	Identifier string    `json:"identifier"`
	Profession string    `json:"profession,omitempty"` // in French, as the certificate has it
	Kind       string    `json:"kind,omitempty"`
	NotBefore  time.Time `json:"notBefore,omitzero"` // zero where it cannot be read
	NotAfter   time.Time `json:"notAfter,omitzero"`
	Card       string    `json:"card"`
	Usable     bool      `json:"usable"` // by a login, now
	Reason     string    `json:"reason,omitempty"`
	PIN        PIN       `json:"pin,omitempty"` // its card's
	Chosen     bool      `json:"chosen"`
	Reader     string    `json:"reader"`
	Renew      bool      `json:"renew"` // it expires within sixty days
}

// Usable are the certificates that a login can use now.
func (c Cards) Usable() []Certificate {
	return slices.DeleteFunc(slices.Clone(c.Certificates), func(x Certificate) bool { return !x.Usable })
}

// Next is the certificate of the next login, where that is known beforehand.
func (c Cards) Next() (Certificate, bool) {
	usable := c.Usable()
	for _, x := range usable {
		if x.Chosen {
			return x, true
		}
	}
	if len(usable) == 1 {
		return usable[0], true
	}
	return Certificate{}, false
}
