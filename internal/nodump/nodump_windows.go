package nodump

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Set closes this process, and keeps what it has on its heap out of error reports.
//
// Go's runtime has switched Windows Error Reporting off for this process already
// (SEM_NOGPFAULTERRORBOX), unless GOTRACEBACK=wer, or a library, switches it on again.
func Set() error { return errors.Join(closeProcess(), withoutHeap()) }

// remaining is what the person's other programs may do to a closed process: ask whose
// it is and wait for its end, as the far side of a connection or a pipe does, and end
// it, as the task manager does.
const remaining = windows.PROCESS_QUERY_LIMITED_INFORMATION | windows.SYNCHRONIZE | windows.PROCESS_TERMINATE | windows.READ_CONTROL

// everything is PROCESS_ALL_ACCESS of winnt.h, with the standard rights.
const everything = windows.STANDARD_RIGHTS_REQUIRED | windows.SYNCHRONIZE | 0xffff

// descriptor is the security descriptor of a closed process.
//
// An administrator's programs have the rights of the person's: one that runs elevated
// debugs what it wants by its privilege, and without it, where User Account Control is
// off, every program of the person's is an administrator's. The entry for the owner's
// rights (S-1-3-4) is there because an owner without one may rewrite the list.
var descriptor = sync.OnceValues(func() (*windows.SECURITY_DESCRIPTOR, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("nodump: %w", err)
	}
	list := fmt.Sprintf("D:P(A;;%#x;;;SY)(A;;%#x;;;BA)(A;;%#x;;;%s)(A;;RC;;;OW)", everything, remaining, remaining, user.User.Sid)
	d, err := windows.SecurityDescriptorFromString(list)
	if err != nil {
		return nil, fmt.Errorf("nodump: %s: %w", list, err)
	}
	return d, nil
})

// Attributes are those of a process that is to be closed from its first instruction on.
func Attributes() (*syscall.SecurityAttributes, error) {
	d, err := descriptor() // which is kept, as the attributes hold it by its address only
	if err != nil {
		return nil, err
	}
	a := &syscall.SecurityAttributes{SecurityDescriptor: uintptr(unsafe.Pointer(d))}
	a.Length = uint32(unsafe.Sizeof(*a))
	return a, nil
}

func closeProcess() error {
	d, err := descriptor()
	if err != nil {
		return err
	}
	list, _, err := d.DACL()
	if err != nil {
		return fmt.Errorf("nodump: %w", err)
	}
	if err := windows.SetSecurityInfo(windows.CurrentProcess(), windows.SE_KERNEL_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil); err != nil {
		return fmt.Errorf("nodump: access list of the process: %w", err)
	}
	return nil
}

var (
	kernel32            = windows.NewLazySystemDLL("kernel32.dll")
	werGetFlags         = kernel32.NewProc("WerGetFlags")
	werSetFlags         = kernel32.NewProc("WerSetFlags")
	setMitigationPolicy = kernel32.NewProc("SetProcessMitigationPolicy")
)

// werNoHeap is WER_FAULT_REPORTING_FLAG_NOHEAP of werapi.h.
const werNoHeap = 1

// withoutHeap keeps the heap out of a report where one is made all the same. It adds to
// the flags that Go's runtime has set.
func withoutHeap() error {
	var flags uint32
	if result, _, _ := werGetFlags.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&flags))); failed(result) {
		flags = 0 // none were set
	}
	if result, _, _ := werSetFlags.Call(uintptr(flags | werNoHeap)); failed(result) {
		return fmt.Errorf("nodump: WerSetFlags: %#x", uint32(result))
	}
	return nil
}

// failed reads an HRESULT.
func failed(result uintptr) bool { return int32(result) < 0 }

// The policy of processthreadsapi.h (PROCESS_MITIGATION_IMAGE_LOAD_POLICY), and its bits.
const (
	imageLoadPolicy = 10 // ProcessImageLoadPolicy

	noRemoteImages = 1 << 0
	noLowImages    = 1 << 1 // with a low integrity label: what a browser's sandbox may write
)

// Libraries has Windows load no library that a sandboxed program may have written, and
// none from another computer unless remote says so. It cannot be taken back.
//
// It does not shut out libraries that other programs have Windows load here
// (ProcessExtensionPointDisablePolicy): a screen reader comes that way, and so does what
// redirects card readers in some remote desktops. Nor does it ask for signatures, which
// vendors' modules need not have.
//
// A library that is named without a folder is searched in the program's folder, in
// Windows' own and in that of module, a path or "", and no longer in the current folder nor on PATH, which
// others can often write (SetDefaultDllDirectories).
func Libraries(module string, remote bool) error {
	return errors.Join(images(remote), search(module))
}

// search sets where libraries are searched, also for what the module loads itself.
func search(module string) error {
	if err := windows.SetDefaultDllDirectories(windows.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS); err != nil {
		return fmt.Errorf("nodump: SetDefaultDllDirectories: %w", err)
	}
	// Who loads with LOAD_WITH_ALTERED_SEARCH_PATH has the old order, which this takes the
	// current folder out of.
	if err := windows.SetDllDirectory(""); err != nil {
		return fmt.Errorf("nodump: SetDllDirectory: %w", err)
	}
	module = strings.TrimPrefix(filepath.Clean(module), `\\?\`)
	if len(filepath.VolumeName(module)) != len("C:") || !filepath.IsAbs(module) {
		return nil // the agent itself, or on a share, where no more than the module is loaded from
	}
	folder, err := windows.UTF16PtrFromString(filepath.Dir(module))
	if err != nil {
		return fmt.Errorf("nodump: %w", err)
	}
	if _, err := windows.AddDllDirectory(folder); err != nil {
		return fmt.Errorf("nodump: AddDllDirectory: %w", err)
	}
	return nil
}

func images(remote bool) error {
	policy := uint32(noRemoteImages | noLowImages)
	if remote {
		policy = noLowImages
	}
	if done, _, err := setMitigationPolicy.Call(imageLoadPolicy, uintptr(unsafe.Pointer(&policy)), unsafe.Sizeof(policy)); done == 0 {
		return fmt.Errorf("nodump: image load policy: %w", err)
	}
	return nil
}
