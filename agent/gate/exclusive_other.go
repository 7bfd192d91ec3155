//go:build !windows

package gate

import "net"

// exclusive listens. Nobody can bind to a port that listens here.
var exclusive net.ListenConfig
