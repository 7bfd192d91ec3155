package plainfile

import "errors"

// ErrTooLong says that a pipe gave more than ReadHanded takes.
var ErrTooLong = errors.New("more than 1 MiB came through this pipe")

// maxHanded is more than any settings, certificates or keys need.
const maxHanded = 1 << 20
