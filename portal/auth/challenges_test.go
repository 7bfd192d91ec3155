package auth

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// Instances that start at the same time on a new database make it once, with one key.
func TestInstancesStartTogether(t *testing.T) {
	for kind, database := range map[string]string{"SQLite": t.TempDir() + "/portal.db", "PostgreSQL": postgres.Database(t)} {
		t.Run(kind, func(t *testing.T) {
			var wg sync.WaitGroup
			numbers := make([]uint32, 6)
			for i := range numbers {
				wg.Go(func() {
					db, err := store.Open(t.Context(), database)
					if err != nil {
						t.Error(err)
						return
					}
					defer db.Close()
					c := &challengeStore{store: db, now: func() time.Time { return time.Time{} }}
					if numbers[i], _, err = c.SigningKey(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for _, n := range numbers {
				if n != 1 {
					t.Errorf("keys %v", numbers)
					break
				}
			}
		})
	}
}

// TestForgedNumbers: cookies that name keys of no instance have the database asked no
// more than once a second. A context that has ended shows whether it is asked.
func TestForgedNumbers(t *testing.T) {
	db, err := store.Open(t.Context(), t.TempDir()+"/portal.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	now := time.Now()
	keys := &challengeStore{store: db, now: func() time.Time { return now }}
	if _, err := keys.Key(t.Context(), 1<<31); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for i := range uint32(240) {
		if _, err := keys.Key(ended, 1<<31+i); err != nil {
			t.Fatalf("forged number %d asks the database: %v", i, err)
		}
	}
	now = now.Add(time.Second)
	if _, err := keys.Key(ended, 1<<31); err == nil {
		t.Error("a key that another instance made is never looked for")
	}
}
