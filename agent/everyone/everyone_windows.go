package everyone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The two forms of the program: with a console, and without.
const (
	withConsole = "cpx-agent.exe"
	noConsole   = "cpx-agentw.exe"
)

// process is one that runs this program, held open so that its number never stands for
// another one.
type process struct {
	pid     int
	session uint32
	handle  windows.Handle
}

// processes are those that run a program of this one's folder, but this one.
func processes() ([]process, error) {
	if !administrator() {
		return nil, ErrNotAdministrator
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("everyone: %w", err)
	}
	list, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, fmt.Errorf("everyone: processes: %w", err)
	}
	defer windows.CloseHandle(list)
	var all []process
	entry := windows.ProcessEntry32{}
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Process32First(list, &entry); err == nil; err = windows.Process32Next(list, &entry) {
		name := windows.UTF16ToString(entry.ExeFile[:])
		if int(entry.ProcessID) == os.Getpid() || !strings.EqualFold(name, withConsole) && !strings.EqualFold(name, noConsole) {
			continue
		}
		if p, ours := open(entry.ProcessID, filepath.Dir(self)); ours {
			all = append(all, p)
		}
	}
	return all, nil
}

// administrator reports whether this is an administrator's program, with the rights of one:
// in the token of one that was not elevated the group is for denying alone.
func administrator() bool {
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return false
	}
	is, err := windows.Token(0).IsMember(administrators)
	return err == nil && is
}

// open returns a process whose program is in the folder. Its access list lets
// administrators ask for its name and end it (package nodump).
func open(pid uint32, folder string) (process, bool) {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE|windows.PROCESS_TERMINATE, false, pid)
	if err != nil {
		return process{}, false
	}
	name := make([]uint16, windows.MAX_LONG_PATH)
	n := uint32(len(name))
	var session uint32
	if windows.QueryFullProcessImageName(handle, 0, &name[0], &n) != nil ||
		!strings.EqualFold(filepath.Dir(windows.UTF16ToString(name[:n])), folder) ||
		windows.ProcessIdToSessionId(pid, &session) != nil {
		_ = windows.CloseHandle(handle)
		return process{}, false
	}
	return process{int(pid), session, handle}, true
}

// ask runs `cpx-agent quit` in each session, as its person: an agent's pipe is open to
// nobody else. Where that is not possible, force remains.
func ask(ctx context.Context, all []process) {
	for _, session := range sessions(all) {
		if p, err := startIn(session, withConsole, "quit"); err == nil && !p.await(ctx) {
			p.kill()
			_ = windows.CloseHandle(p.handle)
		}
	}
}

func sessions(all []process) (list []uint32) {
	for _, p := range all {
		list = append(list, p.session)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// startIn starts a program of this one's folder in a session, as the person who is logged in
// there. It has that person's desktop, where a program of a service's has none that anybody
// sees, and none of our handles, which do not reach into another session (CreateProcessAsUserW).
func startIn(session uint32, program string, args ...string) (process, error) {
	fail := func(err error) (process, error) {
		return process{}, fmt.Errorf("everyone: session %d: %w", session, err)
	}
	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	folder := filepath.Dir(self)
	path := filepath.Join(folder, program)
	var token windows.Token
	if err := windows.WTSQueryUserToken(session, &token); err != nil {
		return fail(err)
	}
	defer token.Close()
	var environment *uint16
	if err := windows.CreateEnvironmentBlock(&environment, token, false); err != nil {
		return fail(err)
	}
	defer func() { _ = windows.DestroyEnvironmentBlock(environment) }()
	application, err1 := windows.UTF16PtrFromString(path)
	line, err2 := windows.UTF16PtrFromString(windows.ComposeCommandLine(append([]string{path}, args...)))
	dir, err3 := windows.UTF16PtrFromString(folder)
	desktop, err4 := windows.UTF16PtrFromString(`winsta0\default`)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return fail(err)
	}
	info := windows.StartupInfo{Desktop: desktop}
	info.Cb = uint32(unsafe.Sizeof(info))
	var out windows.ProcessInformation
	err = windows.CreateProcessAsUser(token, application, line, nil, nil, false, windows.CREATE_UNICODE_ENVIRONMENT|windows.CREATE_NO_WINDOW, environment, dir, &info, &out)
	if err != nil {
		return fail(err)
	}
	_ = windows.CloseHandle(out.Thread)
	return process{int(out.ProcessId), session, out.Process}, nil
}

func (p process) kill() { _ = windows.TerminateProcess(p.handle, 1) }

// await reports whether the process has ended before ctx does. It is then closed.
func (p process) await(ctx context.Context) bool {
	for {
		event, err := windows.WaitForSingleObject(p.handle, uint32((100 * time.Millisecond).Milliseconds()))
		switch {
		case err == nil && event == windows.WAIT_OBJECT_0:
			_ = windows.CloseHandle(p.handle)
			return true
		case err != nil, ctx.Err() != nil:
			return false
		}
	}
}
