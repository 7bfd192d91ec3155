package policy

import "fmt"

// PortsInUseError says that no port of the settings' range is free.
type PortsInUseError struct{ First, Last int }

func (e *PortsInUseError) Error() string {
	return fmt.Sprintf("%d to %d are all taken, or refused by the system", e.First, e.Last)
}
