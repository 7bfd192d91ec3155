// Command prying is another program of the same person on Windows, which means no good.
//
//	prying PROGRAM          tries to open the processes of a program, and its own, with each
//	                        right that would let it look into them; prints a JSON text for each
//	prying -listen PORT     holds a port until its input ends
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// rights are those by which a process is read, changed, or made to do something.
var rights = map[string]uint32{
	"PROCESS_VM_READ": windows.PROCESS_VM_READ, "PROCESS_VM_WRITE": windows.PROCESS_VM_WRITE,
	"PROCESS_VM_OPERATION": windows.PROCESS_VM_OPERATION, "PROCESS_CREATE_THREAD": windows.PROCESS_CREATE_THREAD,
	"PROCESS_DUP_HANDLE": windows.PROCESS_DUP_HANDLE, "PROCESS_SUSPEND_RESUME": windows.PROCESS_SUSPEND_RESUME,
	"PROCESS_SET_INFORMATION": windows.PROCESS_SET_INFORMATION, "PROCESS_QUERY_INFORMATION": windows.PROCESS_QUERY_INFORMATION,
}

type tried struct {
	PID  uint32   `json:"pid"`
	Self bool     `json:"self"`
	Open []string `json:"open"` // the rights that it was given
	Ways int      `json:"ways"`
}

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "-listen":
		err = listen(args[1])
	case len(args) == 1:
		err = pry(args[0])
	default:
		err = fmt.Errorf("usage: prying PROGRAM | prying -listen PORT")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func listen(port string) error {
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("listening")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// pry looks for the program in the list of all processes (CreateToolhelp32Snapshot).
func pry(program string) error {
	list, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(list)
	entry := windows.ProcessEntry32{}
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Process32First(list, &entry); err == nil; err = windows.Process32Next(list, &entry) {
		self := entry.ProcessID == uint32(os.Getpid())
		if !self && !strings.EqualFold(windows.UTF16ToString(entry.ExeFile[:]), program) {
			continue
		}
		t := tried{PID: entry.ProcessID, Self: self, Open: []string{}, Ways: len(rights)}
		for name, right := range rights {
			if process, err := windows.OpenProcess(right, false, entry.ProcessID); err == nil {
				t.Open = append(t.Open, name)
				_ = windows.CloseHandle(process)
			}
		}
		if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
			return err
		}
	}
	return nil
}
