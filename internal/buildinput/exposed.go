package buildinput

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Exposure is something confidential that a build would take along.
type Exposure struct {
	Path       string // what would be taken along
	Service    string // whose build
	IgnoreFile string // the ignore file that counts, whether it exists or not
	Line       string // what is to be added at its end
}

// Exposed says which of the sensitive files and folders the builds of services and jobs would take along in a context,
// and so perhaps put into an image. It judges by path: what is still to be written counts all the same. Of a folder
// whose unknown content is ignored, only existing files that an exception takes along count. Paths are absolute.
func Exposed(project *types.Project, services, sensitive []string) ([]Exposure, error) {
	var found []Exposure
	seen := map[string]bool{}
	for _, service := range services {
		builds, err := buildsOf(project, service)
		if err != nil {
			return nil, err
		}
		for _, build := range builds {
			contexts, err := build.contexts()
			if err != nil {
				return nil, fmt.Errorf("build of %s: %w", build.name, err)
			}
			for _, context := range contexts {
				place := context.real + "\x00" + context.ignore.path
				if seen[place] {
					continue
				}
				seen[place] = true
				exposures, err := context.exposures(sensitive)
				if err != nil {
					return nil, fmt.Errorf("build of %s: %w", build.name, err)
				}
				for _, exposure := range exposures {
					exposure.Service = build.name
					found = append(found, exposure)
				}
			}
		}
	}
	return found, nil
}

func (c localContext) exposures(sensitive []string) ([]Exposure, error) {
	var found []Exposure
	add := func(path, line string) {
		found = append(found, Exposure{Path: path, IgnoreFile: c.ignore.path, Line: line})
	}
	for _, wanted := range sensitive {
		target := resolve(wanted)
		if _, ok := below(target, c.real); ok { // the context lies inside of it
			if ignored, _, err := c.ignore.judge(anythingElse); err != nil {
				return nil, err
			} else if !ignored {
				add(wanted, "**")
			}
			continue
		}
		rel, ok := below(c.real, target)
		if !ok {
			continue
		}
		taken, err := c.taken(rel)
		if err != nil {
			return nil, err
		}
		for _, rel := range taken {
			inside, _ := below(target, filepath.Join(c.real, rel))
			add(filepath.Join(wanted, inside), literal(rel))
		}
	}
	return found, nil
}

// anythingElse stands for the files that a folder may hold one day. Only a pattern for all of them fits it.
const anythingElse = "anything else"

// taken is the path itself if it would be taken along, or else what of it would be.
func (c localContext) taken(rel string) ([]string, error) {
	info, err := os.Lstat(filepath.Join(c.real, rel))
	exists, folder := err == nil, err == nil && info.IsDir()
	probe := rel
	if !exists || folder {
		probe = path.Join(rel, anythingElse)
	}
	if ignored, _, err := c.ignore.judge(probe); err != nil || !ignored {
		return []string{rel}, err
	}
	if !folder {
		return nil, nil
	}
	ignored, match, err := c.ignore.judge(rel)
	if err != nil || ignored && !c.ignore.spares(rel) {
		return nil, err
	}
	// Nothing that is ignored here can come along unless it is there and an exception names it.
	inside, err := c.below(rel, true, match, nil)
	var files []string
	for _, rel := range inside {
		if info, err := os.Lstat(filepath.Join(c.real, rel)); err == nil && !info.IsDir() {
			files = append(files, rel)
		}
	}
	return files, err
}

// literal is the line of an ignore file that fits one path and what lies below it.
func literal(rel string) string {
	line := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(rel)
	if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "!") {
		return `\` + line
	}
	return line
}
