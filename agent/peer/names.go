package peer

import (
	"sync"
	"time"
)

// recentNames remembers for a moment how processes are named: who is refused can come by
// thousands, from another account, and must not have all processes listed each time.
type recentNames struct {
	now func() time.Time

	mu   sync.Mutex
	list map[uint32]listed
	read time.Time
}

// namesLimit is for how long a list is used. A number can be another process's by then:
// the name is for people who read the log.
const namesLimit = time.Second

// of is a process's name, "" where it cannot be told.
func (n *recentNames) of(pid uint32, list func() (map[uint32]listed, error)) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := n.now(); n.list == nil || now.Sub(n.read) >= namesLimit || now.Before(n.read) {
		all, err := list()
		if err != nil {
			return ""
		}
		n.list, n.read = all, now
	}
	return n.list[pid].image
}
