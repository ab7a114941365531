package composelint

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Named is what compose files name that holds secrets, or may, and the words that are none.
type Named struct {
	Secrets   []string // files of `secrets:`, and of folders called secrets that are mounted
	Variables []string // of the environment, that `secrets:` take their value from
	EnvFiles  []string // of services
	Others    []string // files that the library reads of services, too: label_file, and extends
	Words     []string // names of services, containers and images, which ordinary output holds
}

// Names finds them, as paths that begin where the files' own do.
func Names(files []File, lookup func(string) (string, bool)) Named {
	var named Named
	add := func(to *[]string, path string) {
		if path != "" {
			*to = append(*to, path)
		}
	}
	for _, file := range files {
		for _, document := range file.documents {
			for _, secret := range child(document, "secrets").pairs() {
				add(&named.Secrets, file.path(child(secret.value.Node, "file").text(), lookup))
				add(&named.Variables, child(secret.value.Node, "environment").text())
			}
			for _, service := range child(document, "services").pairs() {
				add(&named.Words, service.key)
				add(&named.Words, child(service.value.Node, "container_name").text())
				image := child(service.value.Node, "image").text()
				named.Words = append(named.Words, strings.FieldsFunc(image, func(r rune) bool { return strings.ContainsRune("/:@", r) })...)
				for _, volume := range child(service.value.Node, "volumes").elements() {
					source, _, _ := strings.Cut(volume.text(), ":")
					source = cmp.Or(source, child(volume.Node, "source").text())
					named.Secrets = append(named.Secrets, inSecrets(file.path(source, lookup))...)
				}
				for _, path := range child(service.value.Node, "label_file").texts() {
					add(&named.Others, file.path(path, lookup))
				}
				extends := child(service.value.Node, "extends")
				add(&named.Others, file.path(child(extends.Node, "file").text(), lookup))
				entries := child(service.value.Node, "env_file")
				for _, path := range entries.texts() {
					add(&named.EnvFiles, file.path(path, lookup))
				}
				for _, entry := range entries.elements() {
					add(&named.EnvFiles, file.path(child(entry.Node, "path").text(), lookup))
				}
			}
		}
	}
	return named
}

// inSecrets are the files of a bind mount from a folder called secrets: the one that is mounted, or those that lie in it and
// are not there to be read by people.
func inSecrets(source string) []string {
	if !slices.Contains(strings.Split(source, "/"), "secrets") {
		return nil
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return []string{source}
	}
	var files []string
	for _, entry := range entries {
		name := strings.ToLower(entry.Name())
		plain := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "readme") ||
			slices.Contains([]string{".md", ".example", ".sample", ".template", ".dist"}, filepath.Ext(name))
		if entry.Type().IsRegular() && !plain {
			files = append(files, filepath.Join(source, entry.Name()))
		}
	}
	return files
}
