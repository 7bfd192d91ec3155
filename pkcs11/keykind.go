package pkcs11

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
)

// keyOfAnotherKind reports whether a certificate that the library refuses has a key
// on a curve that it does not know, as cards of other countries do: the certificate
// is as it should be, and its issuer has nothing to mend.
func keyOfAnotherKind(der []byte) bool {
	var c struct {
		TBS struct {
			Version                                     int `asn1:"optional,explicit,default:0,tag:0"`
			Serial, Algorithm, Issuer, Validity, Holder asn1.RawValue
			Key                                         struct {
				Algorithm pkix.AlgorithmIdentifier
				Bits      asn1.BitString
			}
		}
	}
	if _, err := asn1.Unmarshal(der, &c); err != nil || !c.TBS.Key.Algorithm.Algorithm.Equal(oidECPublicKey) {
		return false
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(c.TBS.Key.Algorithm.Parameters.FullBytes, &curve); err != nil {
		return true // described, not named: RFC 5480, 2.1.1 forbids it, and cards have it
	}
	return !slices.ContainsFunc(parsedCurves, curve.Equal)
}

var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	// parsedCurves are P-224, P-256, P-384 and P-521, which crypto/x509 reads.
	parsedCurves = []asn1.ObjectIdentifier{{1, 3, 132, 0, 33}, {1, 2, 840, 10045, 3, 1, 7}, {1, 3, 132, 0, 34}, {1, 3, 132, 0, 35}}
)
