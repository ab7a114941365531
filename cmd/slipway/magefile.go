//go:build mage

// Slipway deploys the stack of the compose files in this folder, step by step, with a checkpoint behind every step.
package main

import (
	_ "slipway/cmd/binary" // mage:import
	_ "slipway/targets"    // mage:import
)
