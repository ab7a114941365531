// Command actor plays a service that misbehaves in one way, for the tests on a real engine.
//
// It is its own healthcheck: `actor healthcheck` reads what the service last said of itself.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

const (
	statusFile = "/status"
	beatFile   = "/beat"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "healthcheck":
			os.Exit(healthcheck())
		case "take": // a healthcheck that uses up what it asks for
			if err := os.Remove(beatFile); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	ready := flag.Duration("ready-after", 0, "answer the healthcheck with yes from then on")
	sick := flag.Duration("unhealthy-after", 0, "answer it with no from then on")
	hang := flag.Bool("hang", false, "never answer it")
	exitAfter := flag.Duration("exit-after", -1, "exit then")
	code := flag.Int("code", 0, "exit code")
	eat := flag.Bool("eat", false, "allocate until killed")
	beats := flag.Duration("beats", 0, "touch a file as often")
	listen := flag.String("listen", "", "accept connections there")
	rude := flag.Bool("rude", false, "and close them at once")
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
	if *beats > 0 {
		go func() {
			for {
				time.Sleep(*beats)
				if err := os.WriteFile(beatFile, nil, 0o600); err != nil {
					fmt.Fprintln(os.Stderr, "actor:", err)
				}
			}
		}()
	}
	if *listen != "" {
		go accept(*listen, *rude)
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

func accept(address string, rude bool) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, "actor:", err)
		os.Exit(1)
	}
	var kept []net.Conn
	for {
		conn, err := listener.Accept()
		if err != nil {
			continue
		}
		if rude {
			conn.Close()
			continue
		}
		kept = append(kept, conn)
		_ = kept
	}
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
