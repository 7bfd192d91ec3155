// Command notices writes the licences of what programs contain, for the packages in which
// they are shipped:
//
//	notices [-brief] PROGRAM... >FILE
//
// Brief is for Debian's packages, which name Apache's text in place of holding it.
package main

import (
	"bytes"
	"context"
	"flag"
	"log"
	"os"

	"github.com/cpx-bridge/cpx-bridge/packaging/supply"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("notices: ")
	brief := flag.Bool("brief", false, "name Apache's text as Debian has it")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("no program is named")
	}
	var out bytes.Buffer
	if err := supply.Notices(context.Background(), &out, flag.Args(), *brief); err != nil {
		log.Fatal(err)
	}
	if _, err := os.Stdout.Write(out.Bytes()); err != nil {
		log.Fatal(err)
	}
}
