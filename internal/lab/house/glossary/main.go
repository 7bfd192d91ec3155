// Command glossary prints the names of the module that bear a word of old, where
// they are declared, and how many there are of each. It exits 0 only if there
// are none.
//
//	glossary [-q] [WORD ...]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/house"
)

func main() {
	quiet := flag.Bool("q", false, "only how many there are")
	flag.Parse()
	if err := run(*quiet, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "glossary:", err)
		os.Exit(1)
	}
}

func run(quiet bool, only []string) error {
	uses, idle, err := compare()
	if err != nil {
		return err
	}
	uses = slices.DeleteFunc(uses, func(u house.Use) bool { return len(only) > 0 && !slices.Contains(only, u.Old) })
	if !quiet {
		for _, u := range uses {
			fmt.Println(u)
		}
	}
	if err := count(uses); err != nil {
		return err
	}
	for _, name := range idle {
		fmt.Println("an exception that nothing needs:", name)
	}
	if len(uses)+len(idle) > 0 {
		return fmt.Errorf("%d names bear a word of old, %d exceptions are idle", len(uses), len(idle))
	}
	return nil
}

func compare() ([]house.Use, []string, error) {
	root, err := house.Root(".")
	if err != nil {
		return nil, nil, err
	}
	names, err := house.Names(root)
	if err != nil {
		return nil, nil, err
	}
	g, err := house.ReadGlossary()
	if err != nil {
		return nil, nil, err
	}
	uses, idle := g.Compare(names)
	return uses, idle, nil
}

// count prints each word with how many names bear it, and how
// often they are declared.
func count(uses []house.Use) error {
	declared, names := map[string]int{}, map[string]map[string]bool{}
	for _, u := range uses {
		declared[u.Old]++
		if names[u.Old] == nil {
			names[u.Old] = map[string]bool{}
		}
		names[u.Old][u.Name.Name] = true
	}
	if len(declared) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "word\tnames\tdeclared")
	for _, old := range slices.SortedFunc(maps.Keys(declared), func(a, b string) int {
		return cmp.Or(cmp.Compare(declared[b], declared[a]), cmp.Compare(a, b))
	}) {
		fmt.Fprintf(w, "%s\t%d\t%d\n", old, len(names[old]), declared[old])
	}
	return w.Flush()
}
