package revocation

import (
	"context"
	"time"
)

// Store holds the lists that were fetched: across restarts, and for all instances of a
// portal that share it. [Folder] and [SQL] are stores. Methods may be called
// concurrently, by several processes.
//
// A Store is not trusted with what it holds: lists are verified as those from the network.
type Store interface {
	// Load returns the list last saved for the address. Its Body is nil where its Sum is
	// known, and it is the zero Stored where there is none.
	Load(ctx context.Context, address, known string) (Stored, error)
	// Save saves the list, unless the one that is there is of a later ThisUpdate. With a nil
	// Body it changes what is there in everything else, where it has the same Sum.
	Save(ctx context.Context, address string, s Stored) error
}

// Stored is a list as it was fetched.
type Stored struct {
	Body       []byte    // in DER
	Sum        string    // the SHA-256 of Body, in hex
	ThisUpdate time.Time // as the list states it
	Fetched    time.Time // when the server last had it
	// ETag and Modified are what the server said to be asked with the next time
	// (RFC 9110, 8.8).
	ETag, Modified string
}

// noStore remembers nothing.
type noStore struct{}

func (noStore) Load(context.Context, string, string) (Stored, error) { return Stored{}, nil }
func (noStore) Save(context.Context, string, Stored) error           { return nil }
