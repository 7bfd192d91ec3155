package authtoken

import "github.com/cpx-bridge/cpx-bridge/internal/origin"

// MaxOriginLength is the longest origin accepted, in characters.
const MaxOriginLength = origin.MaxLength

// CheckOrigin refuses what is not an origin as browsers write it (HTML standard,
// serialisation of an origin) on https: https://host[:port] in lower-case ASCII,
// without default port, path or trailing dot. http is accepted for localhost and
// 127.0.0.1 alone; IsLoopbackHTTP distinguishes those.
//
// The error is an *Error with origin_invalid.
func CheckOrigin(text string) error {
	if _, err := origin.Parse(text); err != nil {
		return refuse(ReasonOriginInvalid, &OriginError{err})
	}
	return nil
}

// IsLoopbackHTTP reports whether an origin is plain http on this machine: fit for
// demonstrations and development, never for a site that others use.
func IsLoopbackHTTP(text string) bool {
	o, err := origin.Parse(text)
	return err == nil && o.IsLoopbackHTTP()
}
