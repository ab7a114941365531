//go:build mage

// A magefile of a stack that a test writes: stack.json beside it says what is declared.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"slipway"
	// mage:import
	_ "slipway/targets"
)

func init() {
	data, err := os.ReadFile("stack.json")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var stack slipway.Stack
	if err := json.Unmarshal(data, &stack); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	slipway.Use(stack)
}
