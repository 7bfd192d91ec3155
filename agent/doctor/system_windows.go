package doctor

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/windows"
)

// pcscService reads how the service “Smart Card” is, with no more rights than everybody
// has.
func pcscService() (Service, error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return "", fmt.Errorf("OpenSCManager: %w", err)
	}
	defer windows.CloseServiceHandle(manager)
	service, err := windows.OpenService(manager, windows.StringToUTF16Ptr("SCardSvr"), windows.SERVICE_QUERY_STATUS|windows.SERVICE_QUERY_CONFIG)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return ServiceMissing, nil
	}
	if err != nil {
		return "", fmt.Errorf("OpenService: %w", err)
	}
	defer windows.CloseServiceHandle(service)
	var status windows.SERVICE_STATUS
	if err := windows.QueryServiceStatus(service, &status); err != nil {
		return "", fmt.Errorf("QueryServiceStatus: %w", err)
	}
	if status.CurrentState != windows.SERVICE_STOPPED {
		return ServiceRuns, nil
	}
	config := make([]uint64, 1024) // no more is ever written (QueryServiceConfigW: 8 KiB)
	var needed uint32
	if err := windows.QueryServiceConfig(service, (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&config[0])), uint32(len(config)*8), &needed); err != nil {
		return "", fmt.Errorf("QueryServiceConfig: %w", err)
	}
	if (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&config[0])).StartType == windows.SERVICE_DISABLED {
		return ServiceDisabled, nil
	}
	return ServiceStopped, nil
}

// remoteSession is SM_REMOTESESSION of GetSystemMetrics (winuser.h).
const remoteSession = 0x1000

var getSystemMetrics = windows.NewLazySystemDLL("user32.dll").NewProc("GetSystemMetrics")

// remote reports whether this session is shown on another computer.
func remote() bool {
	shown, _, _ := getSystemMetrics.Call(remoteSession)
	return shown != 0
}

// reserved reports whether Windows keeps a port back from all programs, as it does with
// ranges for Hyper-V (WSAEACCES; “netsh interface ipv4 show excludedportrange”).
func reserved(port int) bool {
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_ = l.Close()
	}
	return errors.Is(err, windows.WSAEACCES)
}

// onDesktop reports whether this process is in a person's session: services, SSH and
// scheduled tasks are in session 0, which shows nothing.
func onDesktop() bool {
	var session uint32
	return windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session) != nil || session != 0
}

func (o Options) ofSystem() Options {
	if display := o.Display; display != nil {
		o.Display = func() bool { return onDesktop() && display() }
	}
	if o.PCSCService == nil {
		o.PCSCService = pcscService
	}
	if o.Remote == nil {
		o.Remote = remote
	}
	if o.Reserved == nil {
		o.Reserved = reserved
	}
	if o.VirtualLoopback == nil {
		o.VirtualLoopback = func() ([]VirtualLoopback, error) { return virtualLoopbacks(machineRegistry{}) }
	}
	return o
}
