package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"slipway/checkpoints"
	"slipway/internal/console"
	"slipway/internal/redact"
	"slipway/internal/registry"
)

// pinned are the files whose images Pins pins.
var pinned = []string{filepath.Join("stack", "docker-compose.yml"), filepath.Join("stack", "compose.production.yaml")}

// Pins asks the registries for the digest of each image that the reference stack names, and writes it behind the tag.
//
// Run it again to renew them. When an image cannot be asked about, every such image is named and no file is changed.
func Pins(ctx context.Context) error {
	return pin(ctx, console.New(os.Stdout, os.Stderr, redact.New()), pinned)
}

// imageLine is an image with a tag that a registry has: on its own, or as the default of a variable. What is built here has a
// variable for its tag.
var imageLine = regexp.MustCompile(`(?m)^(\s*image: (?:\$\{\w+:-)?)([^\s@${}]+:[\w.-]+)(?:@(sha256:[0-9a-f]{64}))?(\}?)$`)

func pin(ctx context.Context, out *console.Console, paths []string) error {
	texts := map[string]string{}
	digests := map[string]string{}
	var images []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the images of the stack: %w", err)
		}
		texts[path] = string(data)
		for _, found := range imageLine.FindAllStringSubmatch(texts[path], -1) {
			if _, known := digests[found[2]]; !known {
				digests[found[2]] = ""
				images = append(images, found[2])
			}
		}
	}
	var failures []error
	for _, answer := range registry.Ask(ctx, images...) {
		digests[answer.Image] = answer.Digest
		if !answer.There() {
			failures = append(failures, errors.New(answer.String()))
		}
	}
	if len(failures) > 0 {
		return fmt.Errorf("pins: nothing was written: %w", errors.Join(failures...))
	}
	for _, path := range paths {
		text := imageLine.ReplaceAllStringFunc(texts[path], func(line string) string {
			part := imageLine.FindStringSubmatch(line)
			image, old, digest := part[2], part[3], digests[part[2]]
			if old != digest {
				out.Line(console.OK, image, digest, 0)
			}
			return part[1] + image + "@" + digest + part[4]
		})
		if text == texts[path] {
			out.Line(console.Skip, path, "unchanged", 0)
			continue
		}
		if err := checkpoints.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
