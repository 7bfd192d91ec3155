package revocation

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"hash/maphash"
	"math/big"
	"math/bits"
	"time"
)

// serials is what is kept of a list's entries: the numbers side by side, grouped by their
// length, each with since when and why, and a table that finds a number by its hash. An
// entry takes its number and at most 21 bytes; x509.ParseRevocationList has 270 for it. The
// hash is of a random seed, so that no list can be made in which all collide.
type serials struct {
	groups []group
	count  int
	seed   maphash.Seed
}

// group has the numbers of one length and sign.
type group struct {
	shape
	// records are the number, big-endian; since when, in seconds since 1970, in four bytes; and
	// the reason's code. They stand together because a look at one is a look at all.
	records []byte
	// slots has, from the number's hash on, one more than its record's index; 0 is free. Half
	// of them are, at least.
	slots []uint32
}

// beside is what a record has after its number.
const beside = 5

// entry is what a list says of a certificate.
type entry struct {
	since time.Time
	code  int
}

type shape struct {
	length   int
	negative bool
}

func shapeOf(n *big.Int) shape { return shape{(n.BitLen() + 7) / 8, n.Sign() < 0} }

// newSerials copies what is needed. Of a number that is there twice, the first entry counts.
func newSerials(entries []x509.RevocationListEntry) serials {
	members := map[shape]int{}
	for i := range entries {
		members[shapeOf(entries[i].SerialNumber)]++
	}
	all := serials{count: len(entries), seed: maphash.MakeSeed()}
	at := map[shape]int{}
	for s, n := range members {
		at[s] = len(all.groups)
		all.groups = append(all.groups, group{shape: s, records: make([]byte, 0, n*(s.length+beside)), slots: make([]uint32, 1<<bits.Len(uint(2*n-1)))})
	}
	for i := range entries {
		all.add(&all.groups[at[shapeOf(entries[i].SerialNumber)]], &entries[i])
	}
	return all
}

func (s *serials) add(g *group, e *x509.RevocationListEntry) {
	size := g.length + beside
	n := len(g.records) / size
	record := g.records[n*size : (n+1)*size]
	slot, found := s.slot(g, e.SerialNumber.FillBytes(record[:g.length]))
	if found {
		return
	}
	g.slots[slot] = uint32(n + 1)
	binary.BigEndian.PutUint32(record[g.length:], uint32(min(max(e.RevocationTime.Unix(), 0), 1<<32-1)))
	record[g.length+4] = uint8(min(max(e.ReasonCode, 0), 255))
	g.records = g.records[:(n+1)*size]
}

// record is the one that a slot leads to.
func (g *group) record(slot int) []byte {
	size := g.length + beside
	i := int(g.slots[slot] - 1)
	return g.records[i*size : (i+1)*size]
}

// slot is where the number is, or would be.
func (s *serials) slot(g *group, number []byte) (slot int, found bool) {
	mask := len(g.slots) - 1
	for slot = int(maphash.Bytes(s.seed, number)) & mask; g.slots[slot] != 0; slot = (slot + 1) & mask {
		if bytes.Equal(g.record(slot)[:g.length], number) {
			return slot, true
		}
	}
	return slot, false
}

// find finds a certificate's entry by its number.
func (s *serials) find(number *big.Int) (entry, bool) {
	wanted := shapeOf(number)
	for i := range s.groups {
		g := &s.groups[i]
		if g.shape != wanted {
			continue
		}
		var buffer [32]byte
		text := buffer[:]
		if g.length > len(buffer) {
			text = make([]byte, g.length)
		}
		slot, found := s.slot(g, number.FillBytes(text[:g.length]))
		if !found {
			return entry{}, false
		}
		record := g.record(slot)
		return entry{time.Unix(int64(binary.BigEndian.Uint32(record[g.length:])), 0).UTC(), int(record[g.length+4])}, true
	}
	return entry{}, false
}
