// Command actor plays a service that misbehaves in one way, for the tests on a real engine.
//
// It is its own healthcheck: `actor healthcheck` reads what the service last said of itself.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

const statusFile = "/status"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		os.Exit(healthcheck())
	}
	ready := flag.Duration("ready-after", 0, "answer the healthcheck with yes from then on")
	sick := flag.Duration("unhealthy-after", 0, "answer it with no from then on")
	hang := flag.Bool("hang", false, "never answer it")
	exitAfter := flag.Duration("exit-after", -1, "exit then")
	code := flag.Int("code", 0, "exit code")
	eat := flag.Bool("eat", false, "allocate until killed")
	flag.Parse()

	fmt.Println("actor:", strings.Join(os.Args[1:], " "))
	events := map[time.Duration]func(){}
	say("no: starting")
	if *hang {
		say("hang")
	} else {
		events[*ready] = func() { say("yes") }
	}
	if *sick > 0 {
		events[*sick] = func() { say("no: lost the database") }
	}
	for after, event := range events {
		time.AfterFunc(after, event)
	}
	if *eat {
		var eaten [][]byte
		for {
			eaten = append(eaten, fill(make([]byte, 1<<20)))
			time.Sleep(time.Millisecond)
			_ = eaten
		}
	}
	if *exitAfter >= 0 {
		time.Sleep(*exitAfter)
		fmt.Fprintln(os.Stderr, "actor: exit", *code)
		os.Exit(*code)
	}
	time.Sleep(time.Hour)
}

func say(status string) {
	next := statusFile + ".next"
	if err := os.WriteFile(next, []byte(status), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "actor:", err)
	}
	if err := os.Rename(next, statusFile); err != nil {
		fmt.Fprintln(os.Stderr, "actor:", err)
	}
}

func healthcheck() int {
	status, err := os.ReadFile(statusFile)
	switch {
	case err != nil:
		fmt.Println("no status yet")
		return 1
	case string(status) == "yes":
		fmt.Println("fine")
		return 0
	case string(status) == "hang":
		time.Sleep(time.Hour)
	}
	fmt.Println(string(status))
	return 1
}

func fill(b []byte) []byte {
	for i := range b {
		b[i] = byte(i)
	}
	return b
}
