// Package journal keeps the agent's log in a file that the person can open from
// the tray, beside the standard error that nobody sees on a desktop.
//
// One agent writes a journal at a time. It is bounded: a full file is set aside
// for a new one, and only the newest few remain. Nobody but the person can read it.
package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"
)

// Name is the file's name in the state folder. Older files lie beside it with
// their time in the name.
const Name = "agent.log"

const (
	maxMegabytes = 2
	maxOld       = 2
)

// Open opens the journal in the state folder, which it creates where it is missing.
func Open(stateDir string) (journal io.WriteCloser, path string, err error) {
	path = filepath.Join(stateDir, Name)
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, "", err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, "", err
	case !info.Mode().IsRegular():
		return nil, "", fmt.Errorf("journal: %s is not a file", path)
	}
	// Created here, so that its mode is ours whatever was there before.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, "", err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, "", err
	}
	return &lumberjack.Logger{Filename: path, MaxSize: maxMegabytes, MaxBackups: maxOld, LocalTime: true}, path, nil
}
