package composelint

// Named is what compose files name that holds secrets, or may.
type Named struct {
	Secrets   []string // files of `secrets:`
	Variables []string // of the environment, that `secrets:` take their value from
	EnvFiles  []string // of services
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
