//go:build !linux

package vreader

import "net"

func quickAck(net.Conn) {}
