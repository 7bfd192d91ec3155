// Package powershell reads scripts of PowerShell by a grammar that is not ours, where no
// PowerShell is. It says whether one can be read, and what it calls, not whether it works. It is
// for tests only.
package powershell

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// Files are the grammar's: package.json, its lock with sums, and the program that uses it.
//
//go:embed grammar
var Files embed.FS

// Script is what there is to say of one.
type Script struct {
	Wrong    []string `json:"wrong"`    // with their lines
	Commands []string `json:"commands"` // each with its arguments
}

// patience bounds a parser that does not end, as it may not on what is no PowerShell.
const patience = time.Minute

// Read reads a script with the grammar that npm has installed in a folder, which has Files too.
func Read(ctx context.Context, folder, script string) (s Script, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// Without the second compiler Node ends when the script has; with it, half a minute later.
	cmd := exec.CommandContext(ctx, "node", "--liftoff-only", filepath.Join(folder, "parse.mjs"), filepath.Join(folder, "node_modules", "tree-sitter-powershell", "tree-sitter-powershell.wasm"))
	cmd.Stdin = bytes.NewReader([]byte(script))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return Script{}, fmt.Errorf("powershell: %w\n%s", err, errs.String())
	}
	return s, json.Unmarshal(out, &s)
}
