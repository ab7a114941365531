package compose

import "github.com/distribution/reference"

// RegistryOf is the host of the registry that an image reference names, with its port if it has one; empty for a
// reference that is none.
func RegistryOf(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}
