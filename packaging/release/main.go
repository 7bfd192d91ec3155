// Command release makes what a release holds besides the systems' packages: the page's
// library for npm, the Go module as a proxy of files, the portal's archive, the bill of
// materials, licences, changelog and the list of it all; then it compares the whole folder
// with that list.
//
//	go run ./packaging/release -version V -package V -registry V -linux FOLDER -windows FOLDER -out FOLDER
//
// It runs in the root of the source, for scripts/dist, with the time of SOURCE_DATE_EPOCH:
// the same source and time give the same bytes. It needs npm, and no network once Go's
// modules are here.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cpx-bridge/cpx-bridge/packaging/supply"
)

// programs are those that are shipped, below the folders of their systems.
var programs = struct{ linux, windows []string }{
	[]string{"cpx-agent", "cpx-portal", "cpx-card"},
	[]string{"cpx-agent.exe", "cpx-agentw.exe", "386/cpx-agent.exe", "386/cpx-agentw.exe"},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	var v versions
	flag.StringVar(&v.semver, "version", "", "the version: scripts/version")
	flag.StringVar(&v.packages, "package", "", "the same: scripts/version package")
	flag.StringVar(&v.registry, "registry", "", "the same: scripts/version registry")
	linux := flag.String("linux", "", "where the programs for Linux are")
	windows := flag.String("windows", "", "where those for Windows are")
	out := flag.String("out", "", "the folder of the release, with the systems' packages in it")
	flag.Parse()
	if v.semver == "" || v.packages == "" || v.registry == "" || *linux == "" || *windows == "" || *out == "" {
		log.Fatal("usage: release -version V -package V -registry V -linux FOLDER -windows FOLDER -out FOLDER")
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		log.Fatalf("SOURCE_DATE_EPOCH: %v", err)
	}
	if err := run(context.Background(), v, *linux, *windows, *out, time.Unix(seconds, 0).UTC()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, v versions, linux, windows, out string, when time.Time) error {
	if err := npmPackage(".", out, v); err != nil {
		return err
	}
	if err := goModule(".", filepath.Join(out, "go"), v, when); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	licences := filepath.Join(work, "licences")
	if err := notices(ctx, licences, filepath.Join(linux, "cpx-portal"), filepath.Join(linux, "cpx-card")); err != nil {
		return err
	}
	if err := portalArchive(".", linux, licences, filepath.Join(out, v.named("cpx-bridge-portal-{version}-linux-amd64.tar.gz")), v, when); err != nil {
		return err
	}
	var all []string
	for _, p := range programs.linux {
		all = append(all, filepath.Join(linux, p))
	}
	for _, p := range programs.windows {
		all = append(all, filepath.Join(windows, filepath.FromSlash(p)))
	}
	if err := notices(ctx, filepath.Join(out, "LICENSES.txt"), all...); err != nil {
		return err
	}
	if err := bill(ctx, filepath.Join(out, v.named("cpx-bridge-{version}.cdx.json")), v, when, all); err != nil {
		return err
	}
	for _, name := range []string{"LICENSE", "CHANGELOG.md"} {
		text, err := os.ReadFile(name)
		if err := errors.Join(err, os.WriteFile(filepath.Join(out, name), text, 0o644)); err != nil {
			return err
		}
	}
	if err := readme(filepath.Join(out, "README.txt"), v); err != nil {
		return err
	}
	return check(out, v)
}

// notices writes the licences of programs, with what the page's library is under, which is
// ours alone.
func notices(ctx context.Context, path string, programs ...string) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "CPx Bridge is under the Apache License, version 2.0 (LICENSE). Its programs contain what\nfollows of others; the page's library and the Go module contain nothing of others.\n\n")
	if err := supply.Notices(ctx, &text, programs, false); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

func bill(ctx context.Context, path string, v versions, when time.Time, programs []string) error {
	rows, err := supply.Table(filepath.Join("docs", "dependencies.md"))
	if err != nil {
		return err
	}
	var text bytes.Buffer
	r := supply.Release{Version: v.semver, Registry: v.registry, When: when, Programs: programs, Module: module}
	if err := supply.SBOM(ctx, &text, r, rows); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}
