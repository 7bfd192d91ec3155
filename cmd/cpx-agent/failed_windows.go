package main

import (
	"context"

	"golang.org/x/sys/windows"
)

// failed is how a start that failed is shown where this process has neither console nor
// file for what it prints, as cpx-agentw.exe that Windows starts at a login; nil elsewhere.
func failed() func(ctx context.Context, lang, text string) {
	for _, standard := range []uint32{windows.STD_ERROR_HANDLE, windows.STD_OUTPUT_HANDLE} {
		handle, err := windows.GetStdHandle(standard)
		if err != nil {
			continue
		}
		if kind, err := windows.GetFileType(handle); err == nil && kind != windows.FILE_TYPE_UNKNOWN {
			return nil
		}
	}
	return say // where no window can be shown either, the log has it
}
