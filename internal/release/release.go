// Package release keeps what was deployed: what the compose files meant, the files that containers read, and the images, each
// by its content. A release is whole before anything acts on it, and is not changed afterwards; what became of it is told
// beside it. So a deployment and the way back are the same thing with another release.
//
// No secret is in a release. Where a value is one, its definition says ${KEY}, and what KEY is today stands in one file of
// the state directory: a way back never brings back an old password.
package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// version is raised when an older program would misread a release.
const version = 1

// Release is one of them, as release.json has it.
type Release struct {
	Version     int    `json:"version"`
	ID          string `json:"id"`      // that of the run which made it: they sort in the order in which they were made
	Content     string `json:"content"` // a digest of definition, files and images: two releases with the same are alike
	Project     string `json:"project"`
	Destination string `json:"destination"`

	Made     time.Time `json:"made"`
	Who      string    `json:"who"`
	Revision string    `json:"revision,omitempty"` // of git
	Modified bool      `json:"modified,omitempty"` // the work tree had changes beside that
	BackTo   string    `json:"backTo,omitempty"`   // the release that a rollback brought back

	Compose  []string `json:"compose"`            // the files that it is from, absolute
	Profiles []string `json:"profiles,omitempty"` // that were on

	Images     map[string]Image  `json:"images"` // by service, and by "SERVICE (pre_start N)"
	Files      []File            `json:"files,omitempty"`
	Settings   map[string]string `json:"settings,omitempty"`   // values of what is no secret
	Secrets    map[string]string `json:"secrets,omitempty"`    // keyed digests
	Migrations string            `json:"migrations,omitempty"` // a digest of the migration files
}

// Image is what a service's reference named.
type Image struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Content string `json:"content"` // a digest of configuration and layers; the id is more on a containerd store
}

// File is a file or a folder that containers read.
type File struct {
	Name   string `json:"name"` // as the checkout has it
	Path   string `json:"path"` // the copy, relative to the folder of all copies
	Digest string `json:"digest"`
}

// Tag is what the image of a service is called for the sake of a release. What a project or a service may be called and an image
// may not is told apart by a digest.
func (r Release) Tag(service string) string {
	name := r.Project + "-" + service
	if !repository.MatchString(name) {
		sum := sha256.Sum256([]byte(name))
		name = strings.Trim(unfit.ReplaceAllString(strings.ToLower(name), "-"), "-") + "-" + hex.EncodeToString(sum[:4])
	}
	return "slipway/" + name + ":" + r.ID
}

// Commit is the revision for people; empty where there is none.
func (r Release) Commit() string {
	text := r.Revision[:min(12, len(r.Revision))]
	if r.Modified {
		text += " with changes"
	}
	return text
}

var (
	repository = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)
	unfit      = regexp.MustCompile(`[^a-z0-9]+`)
)

// State is what became of a release.
type State string

// The states. What is Running while nobody deploys was interrupted.
const (
	Running  State = "running"
	Deployed State = "deployed" // and not verified, as asked for
	Verified State = "verified"
	Failed   State = "failed"
	Returned State = "returned" // it failed, and what served before serves again
)

// Outcome is what became of a release, as outcome.json beside it has it. It is written anew with each thing that happens.
type Outcome struct {
	State    State     `json:"state"`
	Run      string    `json:"run"` // the last one that deployed it
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	Error    string    `json:"error,omitempty"`
	ReturnTo string    `json:"returnTo,omitempty"` // the release that serves again
	Backup   string    `json:"backup,omitempty"`   // from before its migration
	Steps    []Step    `json:"steps,omitempty"`
}

// Step is how a step of the last run ended.
type Step struct {
	Name    string        `json:"name"`
	Result  string        `json:"result"`
	Took    time.Duration `json:"took"`
	Skipped bool          `json:"skipped,omitempty"`
}

// Difference is one thing that another release has otherwise: of which kind, and its name, never a value.
type Difference struct {
	Kind string `json:"kind"` // image, file, setting, secret
	Name string `json:"name"`
	How  string `json:"how"` // changed, new, gone
}

func (d Difference) String() string { return fmt.Sprintf("%s %s %s", d.Kind, d.Name, d.How) }

// Since are the differences between an earlier release and this one.
func (r Release) Since(before Release) []Difference {
	images := func(r Release) map[string]string {
		contents := map[string]string{}
		for service, image := range r.Images {
			contents[service] = image.Content
		}
		return contents
	}
	files := func(r Release) map[string]string {
		digests := map[string]string{}
		for _, file := range r.Files {
			digests[file.Name] = file.Digest
		}
		return digests
	}
	return slices.Concat(
		differ("image", images(before), images(r)), differ("file", files(before), files(r)),
		differ("setting", before.Settings, r.Settings), differ("secret", before.Secrets, r.Secrets))
}

func differ(kind string, before, after map[string]string) []Difference {
	var found []Difference
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if was, had := before[name]; !had {
			found = append(found, Difference{kind, name, "new"})
		} else if was != after[name] {
			found = append(found, Difference{kind, name, "changed"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, has := after[name]; !has {
			found = append(found, Difference{kind, name, "gone"})
		}
	}
	return found
}
