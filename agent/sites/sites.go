// Package sites remembers the sites that a person always allows to use the card.
// Who logs in where is personal data: the list is sealed by a key in the
// desktop's keyring.
package sites

import "time"

// Site is one that the person always allows.
type Site struct {
	Origin string    // as the browser states it in the handshake
	Since  time.Time // when the person chose "always"
}
