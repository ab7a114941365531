// Package slipway says what a repository deploys: a stack of Docker Compose, and where it goes.
//
// All of it can be left out. What a declaration leaves open is read from the compose files, and what they cannot tell may stand
// in them, under x-slipway:. So the magefile of a plain stack only takes over the targets:
//
//	//go:build mage
//
//	package main
//
//	import (
//		// mage:import
//		_ "slipway/targets"
//	)
//
// Where more is to be said, [Use] declares it in the magefile's init, [To] selects a destination in a target of that name, and
// [Run] runs a step of your own under the rules of the built-in ones; package checkpoints makes its inputs. A field that is
// declared wins over what the files tell.
package slipway

import "slipway/checkpoints"

// Stack is what a repository deploys.
type Stack struct {
	// Name is the Compose project at the first destination; at any other, that and the destination's name: shop-production.
	// If empty, the project is everywhere the one that Compose would use: COMPOSE_PROJECT_NAME, else name: in the compose files,
	// else the name of their folder.
	Name string

	// Dir is the folder of the compose files, relative to the magefile. If empty, it is the magefile's own.
	Dir string

	// Destinations are where the stack goes; the first is the default. If empty, they are local, and NAME for each compose.NAME.yaml
	// beside the other compose files.
	Destinations []Destination

	// Steps are steps of your own, which belong to every deployment. If empty, it has the built-in ones.
	Steps []Step
}

// Step is a step of your own in every deployment.
type Step struct {
	// Before is the built-in step that it comes before: pull, build, backup, migrate, rollout or cleanup. If empty, it comes first.
	Before string

	// Step is what is done, and what its result depends on.
	Step checkpoints.Step
}
