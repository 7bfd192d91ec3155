package authtoken

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// MaxEnvelopeSize is the longest body that ParseEnvelope accepts, in bytes: a
// token of MaxTokenSize, and room for the envelope.
const MaxEnvelopeSize = MaxTokenSize + 1024

// envelopeMember has the token in what a page posts.
const envelopeMember = "auth-token"

// ParseEnvelope returns the token in what a page posts to a site,
// {"auth-token":{…}}, as it was written, for [Verifier.Verify]. It is as strict as
// Parse: a member given twice at any depth, auth-token in another letter case,
// invalid UTF-8, trailing data and a body over MaxEnvelopeSize are refused.
// Other members are ignored; of the token's own, only the JSON is checked here.
//
// The caller bounds the body before it is read, as with
// http.MaxBytesReader(w, r.Body, authtoken.MaxEnvelopeSize).
//
// The error is an *Error with malformed_request.
func ParseEnvelope(body []byte) (token json.RawMessage, err error) {
	if len(body) > MaxEnvelopeSize {
		return nil, badRequest(fmt.Errorf("body of %d bytes, at most %d", len(body), MaxEnvelopeSize))
	}
	members, err := strictjson.Object(body)
	if err != nil {
		return nil, badRequest(err)
	}
	for name := range members {
		if err := checkCase(name, envelopeMember); err != nil {
			return nil, badRequest(err)
		}
	}
	token, present := members[envelopeMember]
	if !present {
		return nil, badRequest(fmt.Errorf("no member %s", envelopeMember))
	}
	return token, nil
}

func badRequest(err error) error { return refuse(ReasonMalformedRequest, &RequestError{err}) }

// checkCase refuses a name that readers which ignore letter case, such as Go's,
// would take for one of those known.
func checkCase(name string, known ...string) error {
	for _, exact := range known {
		if name != exact && strings.EqualFold(name, exact) {
			return fmt.Errorf("member %.40q, for %s", name, exact)
		}
	}
	return nil
}
