package composelint

import "strings"

// Named is what compose files name that holds secrets, or may, and the words that are none.
type Named struct {
	Secrets   []string // files of `secrets:`
	Variables []string // of the environment, that `secrets:` take their value from
	EnvFiles  []string // of services
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
