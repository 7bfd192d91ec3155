package control

// endWatch watches another process. Its end is not watched here: that it no longer holds the
// lock has to do.
type endWatch struct {
	pid  int
	open bool
}

func watchProcess(pid int) *endWatch { return &endWatch{pid: pid} }

func (*endWatch) ended() bool { return false }
func (*endWatch) close()      {}
