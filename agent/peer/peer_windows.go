package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/internal/account"
)

// system is this Windows; lookups are made once, for this process's own account.
var system = sync.OnceValues(func() (*lookup, error) {
	self, err := account.Of(windows.CurrentProcess())
	if err != nil {
		return nil, fmt.Errorf("peer: this process's own account: %w", err)
	}
	return &lookup{&windowsTables{class: ownerModuleConnections}, windowsProcesses{}, self, time.Sleep}, nil
})

// Owner finds the process that holds the other end of an accepted connection: local is
// the listener's side, remote the peer's.
func Owner(local, remote netip.AddrPort) (Identity, error) {
	l, err := system()
	if err != nil {
		return Identity{}, err
	}
	who, _, err := l.owner(local, remote)
	return who, err
}

// Check reports whether this system tells whose a connection is: it makes one to itself
// on each loopback address that there is, and must find its own process at the other
// end. A server calls it before it serves: what stands in between would else have
// everybody refused, and nobody would learn why.
func Check() error {
	l, err := system()
	if err != nil {
		return err
	}
	created, err := (heldProcess{windows.CurrentProcess(), 0}).created()
	if err != nil {
		return fmt.Errorf("peer: this process's own start: %w", err)
	}
	now := windows.NsecToFiletime(time.Now().UnixNano())
	time.Sleep(untilOlder(created, filetime(now)))
	var d net.Dialer
	c := selfCheck{l, uint32(os.Getpid()), net.Listen, d.DialContext, checkLimit}
	return c.run()
}

// checkLimit bounds the connection to this process itself, which a firewall may
// swallow.
const checkLimit = 2 * time.Second

var getExtendedTCPTable = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")

// windowsTables reads the tables with GetExtendedTcpTable (iphlpapi.h).
type windowsTables struct {
	class        uintptr
	size4, size6 atomic.Uint32 // what was enough the last time
}

const (
	ownerModuleListeners   = 6 // TCP_TABLE_OWNER_MODULE_LISTENER (iprtrmib.h)
	ownerModuleConnections = 7 // TCP_TABLE_OWNER_MODULE_CONNECTIONS: with process and time
	tableSlack             = 16 << 10
	tableTries             = 6
)

var errGrowing = errors.New("the table grows faster than it is read")

func (t *windowsTables) read(v6 bool) ([]byte, error) {
	if err := getExtendedTCPTable.Find(); err != nil {
		return nil, err
	}
	family, last := uintptr(windows.AF_INET), &t.size4
	if v6 {
		family, last = windows.AF_INET6, &t.size6
	}
	size := max(last.Load(), tableSlack)
	for range tableTries {
		// In words of eight bytes, as the rows have times in them.
		table := make([]uint64, size/8+1)
		length := uint32(len(table) * 8)
		status, _, _ := getExtendedTCPTable.Call(uintptr(unsafe.Pointer(&table[0])), uintptr(unsafe.Pointer(&length)), 0, family, t.class, 0)
		switch errno := syscall.Errno(status); errno {
		case 0:
			last.Store(size)
			return unsafe.Slice((*byte)(unsafe.Pointer(&table[0])), len(table)*8), nil
		case windows.ERROR_INSUFFICIENT_BUFFER:
			size = max(size, length) + tableSlack
		default:
			return nil, os.NewSyscallError("GetExtendedTcpTable", errno)
		}
	}
	return nil, errGrowing
}

// windowsProcesses opens processes of Windows.
type windowsProcesses struct{}

// open asks for no more than what a process shows to its like: to be waited for, and
// its account. A process of another account is closed to us (ERROR_ACCESS_DENIED).
func (windowsProcesses) open(pid uint32) (process, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, pid)
	if err != nil {
		return nil, os.NewSyscallError("OpenProcess", err)
	}
	id, err := windows.GetProcessId(h)
	if err != nil {
		_ = windows.CloseHandle(h)
		return nil, os.NewSyscallError("GetProcessId", err)
	}
	return heldProcess{h, id}, nil
}

// name is a file's name, which the system lists of all processes.
func (windowsProcesses) name(pid uint32) string { return names.of(pid, windowsEveryone{}.list) }

// names are those of a moment ago.
var names = recentNames{now: time.Now}

// heldProcess is a handle of a process.
type heldProcess struct {
	handle windows.Handle
	number uint32
}

func (p heldProcess) id() uint32 { return p.number }

func (p heldProcess) close() { _ = windows.CloseHandle(p.handle) }

// ended does not read the exit code, which may be that of one that runs (STILL_ACTIVE).
func (p heldProcess) ended() (bool, error) {
	event, err := windows.WaitForSingleObject(p.handle, 0)
	switch event {
	case uint32(windows.WAIT_TIMEOUT):
		return false, nil
	case windows.WAIT_OBJECT_0:
		return true, nil
	}
	return false, os.NewSyscallError("WaitForSingleObject", err)
}

func (p heldProcess) created() (int64, error) {
	var created, exit, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(p.handle, &created, &exit, &kernel, &user); err != nil {
		return 0, os.NewSyscallError("GetProcessTimes", err)
	}
	return filetime(created), nil
}

func filetime(t windows.Filetime) int64 {
	return int64(t.HighDateTime)<<32 | int64(t.LowDateTime)
}

func (p heldProcess) person() (account.Account, error) { return account.Of(p.handle) }

func (p heldProcess) image() string {
	name := make([]uint16, windows.MAX_LONG_PATH)
	n := uint32(len(name))
	if windows.QueryFullProcessImageName(p.handle, 0, &name[0], &n) != nil {
		return ""
	}
	return windows.UTF16ToString(name[:n])
}
