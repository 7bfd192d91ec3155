package peer

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Listeners are the sockets that listen on this system, of all accounts and sessions.
func Listeners() ([]Listener, error) {
	l, err := system()
	if err != nil {
		return nil, err
	}
	reader := lookup{tables: &windowsTables{class: ownerModuleListeners}, processes: l.processes, self: l.self, pause: l.pause}
	return reader.listeners(windowsEveryone{})
}

// windowsEveryone lists processes by NtQuerySystemInformation (winternl.h): names and
// sessions also of those that cannot be opened from here.
type windowsEveryone struct{}

const (
	listSlack = 64 << 10
	listTries = 6
)

func (windowsEveryone) list() (map[uint32]listed, error) {
	size := uint32(8 * listSlack)
	for range listTries {
		buffer := make([]uint64, size/8+1)
		var needed uint32
		err := windows.NtQuerySystemInformation(windows.SystemProcessInformation, unsafe.Pointer(&buffer[0]), uint32(len(buffer)*8), &needed)
		if err == windows.STATUS_INFO_LENGTH_MISMATCH {
			size = max(size, needed) + listSlack
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("NtQuerySystemInformation", err)
		}
		return readProcesses(unsafe.Slice((*byte)(unsafe.Pointer(&buffer[0])), len(buffer)*8)), nil
	}
	return nil, errGrowing
}

// readProcesses reads SYSTEM_PROCESS_INFORMATION, each with where the next one begins.
func readProcesses(list []byte) map[uint32]listed {
	found := map[uint32]listed{}
	for at := uint32(0); uint64(at)+uint64(unsafe.Sizeof(windows.SYSTEM_PROCESS_INFORMATION{})) <= uint64(len(list)); {
		p := (*windows.SYSTEM_PROCESS_INFORMATION)(unsafe.Pointer(&list[at]))
		image := p.ImageName.String()
		if p.UniqueProcessID == systemProcess {
			image = "System"
		}
		found[uint32(p.UniqueProcessID)] = listed{image, sessionName(p.SessionID)}
		if p.NextEntryOffset == 0 {
			break
		}
		at += p.NextEntryOffset
	}
	return found
}

// systemProcess is the number of the kernel's own process, in whose name http.sys
// listens.
const systemProcess = 4
