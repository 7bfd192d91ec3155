package main

import (
	"bytes"
	"crypto"
	"crypto/sha1" // which must be refused
	"encoding/asn1"
)

const hashSHA1 = crypto.SHA1

func sha1Sum(message []byte) []byte {
	h := sha1.Sum(message)
	return h[:]
}

func bits(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }

// resized exchanges the one algorithm that the body of a certificate names: an object
// identifier in a sequence of its own.
func resized(tbs, old, with []byte) []byte {
	var body asn1.RawValue
	must(asn1.Unmarshal(tbs, &body))
	sequence := func(content []byte) []byte {
		return must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: content}))
	}
	body.Bytes = bytes.Replace(body.Bytes, sequence(old), sequence(with), 1)
	body.FullBytes = nil
	return must(asn1.Marshal(body))
}
