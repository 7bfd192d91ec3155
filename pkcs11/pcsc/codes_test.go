package pcsc

import (
	"errors"
	"testing"
)

// TestCodes: which return values say that a new context is to be made, once there is a
// service: the readers are unknown until then.
func TestCodes(t *testing.T) {
	for code, want := range map[Code]error{
		0x8010001D: ErrNoService, // SCARD_E_NO_SERVICE
		0x8010001E: ErrNoService, // SCARD_E_SERVICE_STOPPED
		0x80100012: ErrNoService, // SCARD_E_SYSTEM_CANCELLED
		0x80100018: ErrNoService, // SCARD_P_SHUTDOWN
		0x80100003: ErrNoService, // SCARD_E_INVALID_HANDLE
		0x80100027: ErrRefused,   // SCARD_E_NO_ACCESS
		0x8010006A: ErrRefused,   // SCARD_W_SECURITY_VIOLATION
		0x80100002: nil,          // SCARD_E_CANCELLED: a wait that was ended
		0x8010000A: nil,          // SCARD_E_TIMEOUT
	} {
		err := check(code)
		if want != nil && !errors.Is(err, want) || !errors.Is(err, code) || errors.Is(err, ErrNoService) != (want == ErrNoService) {
			t.Errorf("%v: %v", code, err)
		}
	}
	if err := check(0); err != nil {
		t.Error(err)
	}
}
