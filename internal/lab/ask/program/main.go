// Command program shows one dialog as the agent would and prints the person's
// answer, for tests that click and type, also in wine, and for pictures of the
// dialogs. It prints PINs, so it is for nothing else.
//
// The question is one JSON object on standard input. Further input, or its end,
// cancels the dialog, as a page does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
)

func main() {
	window.RunChildRole()
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	var q ask.Question
	if err == nil {
		err = json.Unmarshal(line, &q)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ask:", err)
		os.Exit(2)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if q.Seconds > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.Seconds*float64(time.Second)))
		defer cancel()
	}
	go func() {
		_, _ = in.ReadByte()
		cancel()
	}()
	asker := prompt.New(prompt.Options{
		Program: q.Program, Window: window.Command(), Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	put := ask.Put
	if len(q.Then) > 0 {
		put = ask.Login
	}
	answer := put(ctx, asker, q)
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		os.Exit(1)
	}
}
