package compose

import (
	"bytes"
	"maps"
	"regexp"
	"slices"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/tree"

	"slipway/internal/regular"
)

// elsewhere finds what may bring in keys that do not stand in the files themselves: other files, escapes of YAML, another encoding.
var elsewhere = regexp.MustCompile(`include|extends|\\[xuU\r\n]|\x00`)

// onlyCasts leaves the library those conversions of texts to numbers and truth values whose keys stand in the files. It compares
// every text of the files with the path of each of them, some seventy, which is a quarter of the time that many services take.
func onlyCasts(files []string) func(*loader.Options) {
	var written []byte
	for _, file := range files {
		data, err := regular.Read(file)
		if err != nil || elsewhere.Match(data) {
			return func(*loader.Options) {}
		}
		written = append(append(written, data...), '\n')
	}
	return func(o *loader.Options) {
		if o.Interpolate == nil {
			return
		}
		interpolate := *o.Interpolate // its conversions are the library's own, for every project
		interpolate.TypeCastMapping = maps.Clone(interpolate.TypeCastMapping)
		maps.DeleteFunc(interpolate.TypeCastMapping, func(path tree.Path, _ interpolation.Cast) bool {
			return slices.ContainsFunc(path.Parts(), func(part string) bool {
				return part != tree.PathMatchAll && part != tree.PathMatchList && !bytes.Contains(written, []byte(part))
			})
		})
		o.Interpolate = &interpolate
	}
}
