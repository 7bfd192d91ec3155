package doctor

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/desktopsession"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

const listening = "0A" // TCP_LISTEN in /proc/net/tcp

// Sockets returns who listens on the ports (proc(5)): of the person's own programs
// the path, of others only the user, and whether that user's agents may be what listens.
func Sockets(ports []int) ([]Socket, error) {
	var list []Socket
	inodes := map[string]int{} // to an index of list
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if errors.Is(err, fs.ErrNotExist) && table != "/proc/net/tcp" {
			continue // no IPv6
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			s, inode, ok := socketLine(lines.Text())
			if ok && slices.Contains(ports, s.Port) {
				inodes["socket:["+inode+"]"] = len(list)
				list = append(list, s)
			}
		}
		if err := errors.Join(lines.Err(), f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
	}
	if len(list) > 0 {
		namePrograms(list, inodes)
		nameOthers(list)
	}
	return list, nil
}

// socketLine parses one line: number, local address, remote address, state, queues,
// timer, retransmissions, uid, timeout, inode.
func socketLine(line string) (s Socket, inode string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 10 || fields[3] != listening {
		return Socket{}, "", false
	}
	address, number, found := strings.Cut(fields[1], ":")
	port, err := strconv.ParseUint(number, 16, 16)
	if !found || err != nil || !conflicts(address) {
		return Socket{}, "", false
	}
	return Socket{Port: int(port), Own: fields[7] == strconv.Itoa(os.Getuid()), Account: fields[7]}, fields[9], true
}

// conflicts reports whether a listener on this address is reached where the agent
// listens. Other addresses, of 127.0.0.0/8 or of a network, take nothing from it.
// The kernel writes every four bytes as a number in the machine's byte order.
func conflicts(address string) bool {
	digits, err := hex.DecodeString(address)
	if err != nil || len(digits)%4 != 0 {
		return false
	}
	for i := 0; i < len(digits); i += 4 {
		binary.NativeEndian.PutUint32(digits[i:], binary.BigEndian.Uint32(digits[i:]))
	}
	a, ok := netip.AddrFromSlice(digits)
	a = a.Unmap()
	return ok && (a.IsUnspecified() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a == netip.IPv6Loopback())
}

// namePrograms finds the processes that hold the sockets, as far as this user may
// read them.
func namePrograms(list []Socket, inodes map[string]int) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", p.Name())
		files, err := os.ReadDir(filepath.Join(dir, "fd"))
		if err != nil {
			continue // another user's, or ended
		}
		for _, f := range files {
			target, err := os.Readlink(filepath.Join(dir, "fd", f.Name()))
			if i, known := inodes[target]; err == nil && known && list[i].Own {
				list[i].PID = pid
				list[i].Program, _ = os.Readlink(filepath.Join(dir, "exe"))
			}
		}
	}
}

// closed finds the running agents of this user, whose sockets cannot be looked up.
func closed() []Process { return agentsOf(os.Getuid()) }

// agentsOf finds the running agents of a user by their command lines (proc(5)), which every
// user may read of every process, where the system does not hide those.
func agentsOf(uid int) (list []Process) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nUid:\t%d\t", uid)) {
			continue // another user's, or ended
		}
		if _, err := os.ReadDir(filepath.Join(dir, "fd")); err == nil {
			continue // its sockets are known
		}
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		args := strings.Split(string(line), "\x00")
		serves := len(args) < 2 || args[1] == "" || args[1][0] == '-' || args[1] == "run" || args[1] == string(role.SupervisedAgent) // and is no other command, nor role
		serves = serves && !slices.Contains(args, "--supervise")
		if serves && ours(Socket{Own: true, Program: args[0]}) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			list = append(list, Process{args[0], pid, desktopsession.Of(pid).Name()})
		}
	}
	return list
}

// nameOthers names the programs of other users' sockets where each of those that a user has in
// the list goes with an agent which that user runs: more cannot be seen of others' processes.
func nameOthers(list []Socket) {
	of := map[string][]int{} // ports
	for _, s := range list {
		if !s.Own && !slices.Contains(of[s.Account], s.Port) {
			of[s.Account] = append(of[s.Account], s.Port)
		}
	}
	for account, ports := range of {
		uid, err := strconv.Atoi(account)
		if err != nil {
			continue
		}
		if agents := agentsOf(uid); len(agents) >= len(ports) {
			for i := range list {
				if list[i].Account == account && list[i].Program == "" {
					list[i].Program = agents[0].Program
				}
			}
		}
	}
}
