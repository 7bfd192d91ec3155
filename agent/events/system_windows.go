package events

import (
	"log/slog"
	"sync"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// registration is the key in HKLM by which Windows knows the source.
const registration = `SYSTEM\CurrentControlSet\Services\EventLog\Application\` + Source

// types are those of winnt.h.
var types = map[slog.Level]uint16{
	slog.LevelInfo: windows.EVENTLOG_INFORMATION_TYPE, slog.LevelWarn: windows.EVENTLOG_WARNING_TYPE, slog.LevelError: windows.EVENTLOG_ERROR_TYPE,
}

// source opens the log once. A source that is not registered opens too.
var source = sync.OnceValues(func() (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(Source)
	if err != nil {
		return 0, err
	}
	return windows.RegisterEventSource(nil, name)
})

// send hands an event to the event log: what is shown, and after it each fact apart.
func send(e Event, lang string) error {
	log, err := source()
	if err != nil {
		return err
	}
	said := []string{e.Message(lang), "event=" + e.Kind.Name}
	for _, f := range e.Facts {
		said = append(said, f.Name+"="+f.Value)
	}
	var inserted []*uint16
	for _, text := range said {
		p, err := windows.UTF16PtrFromString(text)
		if err != nil {
			return err
		}
		inserted = append(inserted, p)
	}
	return windows.ReportEvent(log, types[e.Kind.Level], 0, e.Kind.Number, 0, uint16(len(inserted)), 0, &inserted[0], nil)
}

// Reached is nil where the system's log takes events and shows them as they are.
func Reached() error {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, registration, registry.QUERY_VALUE)
	if err != nil {
		return ErrUnregistered
	}
	defer key.Close()
	if file, _, err := key.GetStringValue("EventMessageFile"); err != nil || file == "" {
		return ErrUnregistered
	}
	return nil
}
