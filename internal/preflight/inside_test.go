package preflight

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/containerd/platforms"

	"slipway/internal/compose"
)

// contents plays an image of Debian's kind: what is at which path, and files by what they hold.
var contents = map[string]compose.Entry{
	"/bin": {Mode: fs.ModeSymlink | 0o777, Link: "/usr/bin"}, "/usr": {Mode: fs.ModeDir | 0o755}, "/usr/bin": {Mode: fs.ModeDir | 0o755},
	"/usr/bin/sh": {Mode: fs.ModeSymlink | 0o777, Link: "/usr/bin/dash"}, "/usr/bin/dash": {Mode: 0o755},
	"/usr/bin/broken": {Mode: fs.ModeSymlink | 0o777, Link: "/usr/bin/none"}, "/usr/bin/linked": {Mode: fs.ModeSymlink | 0o777, Link: "/data/program"},
	"/srv": {Mode: fs.ModeDir | 0o755}, "/srv/run": {Mode: 0o755}, "/srv/notes": {Mode: 0o644}, "/etc": {Mode: fs.ModeDir | 0o755}, "/etc/passwd": {Mode: 0o644},
}

var held = map[string]string{"/etc/passwd": "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n", "/etc/group": "root:x:0:\nstaff:x:50:app\n"}

func playedImage(contents map[string]compose.Entry, held map[string]string) Inside {
	return Inside{
		Entry: func(_ context.Context, path string) (compose.Entry, error) {
			if entry, has := contents[path]; has {
				return entry, nil
			}
			return compose.Entry{}, fs.ErrNotExist
		},
		Head: func(_ context.Context, path string, _ int64) ([]byte, error) {
			if text, has := held[path]; has {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		},
	}
}

func TestWhatAnImageLacksIsFound(t *testing.T) {
	debian := compose.Image{Command: []string{"sh"}, Env: map[string]string{"PATH": "/usr/local/bin:/usr/bin:/bin"}, WorkingDir: "/srv", Platform: platforms.Platform{OS: "linux"}}
	for name, c := range map[string]struct {
		service string // web, of image x
		change  func(*compose.Image)
		bare    bool // there is nothing in the image
		want    string
	}{
		"what the image runs":                       {},
		"a user of the image":                       {service: "user: app"},
		"a user and a group":                        {service: "user: 'app:staff'"},
		"numbers":                                   {service: "user: '77:88'", bare: true, change: func(i *compose.Image) { i.Command = nil }},
		"a group of its own":                        {service: "group_add: [staff, '7']"},
		"no such user":                              {service: "user: nobodyx", want: "service web cannot run as it is to in image x: unable to find user nobodyx: no matching entries in passwd file"},
		"no such group":                             {service: "user: 'app:none'", want: "service web cannot run as it is to in image x: unable to find group none: no matching entries in group file"},
		"no such further group":                     {service: "group_add: [none]", want: "service web cannot run as it is to in image x: unable to find group none: no matching entries in group file"},
		"a number too large":                        {service: "user: '99999999999'", want: "service web cannot run as it is to in image x: uids and gids must be in range 0-2147483647"},
		"the image's own user":                      {change: func(i *compose.Image) { i.User = "ghost" }, want: "service web cannot run as it is to in image x: unable to find user ghost: no matching entries in passwd file"},
		"an image without users":                    {service: "user: app, entrypoint: []", bare: true, want: "service web cannot run as it is to in image x: unable to find user app: no matching entries in passwd file"},
		"users that are mounted":                    {service: "user: nobodyx, volumes: ['data:/etc']"},
		"users by a config":                         {service: "user: nobodyx, configs: [{source: routes, target: /etc/passwd}]"},
		"a program by its path":                     {service: "command: [/srv/run]"},
		"over a link":                               {service: "command: [/bin/sh, -c, x]"},
		"a program beside":                          {service: "command: [./run]"},
		"in another folder":                         {service: "command: [./dash], working_dir: /usr/bin"},
		"no such path":                              {service: "command: [/nothing, x]", want: `service web runs "/nothing", which is not in x`},
		"no such folder":                            {service: "command: [/opt/app/run]", want: `service web runs "/opt/app/run", which is not in x`},
		"not beside":                                {service: "command: [./none]", want: `service web runs "./none", which is not in x`},
		"no such program":                           {service: "entrypoint: [bsh]", want: `service web runs "bsh", which is not in the PATH of x: /usr/local/bin:/usr/bin:/bin`},
		"a link to nothing":                         {service: "command: [broken]", want: `service web runs "broken", which is not in the PATH of x: /usr/local/bin:/usr/bin:/bin`},
		"no PATH":                                   {service: "command: [run]", change: func(i *compose.Image) { i.Env = nil }, want: `service web runs "run", which is not in the PATH of x: ` + usualPath},
		"a PATH of its own":                         {service: "command: [run], environment: {PATH: /srv}"},
		"a folder":                                  {service: "command: [/srv]", want: `service web runs "/srv", which is no executable file in x`},
		"a file":                                    {service: "command: [/srv/notes]", want: `service web runs "/srv/notes", which is no executable file in x`},
		"the image's entrypoint":                    {service: "command: [none]", change: func(i *compose.Image) { i.Entrypoint = []string{"sh"} }},
		"what is mounted":                           {service: "command: [/data/run], volumes: ['data:/data']"},
		"in a folder that is mounted":               {service: "command: [none], volumes: ['data:/usr/local/bin']"},
		"in a volume of the image":                  {service: "command: [/data/run]", change: func(i *compose.Image) { i.Volumes = []string{"/data"} }},
		"a link to what is mounted":                 {service: "command: [linked], volumes: ['data:/data']"},
		"of another service's volumes":              {service: "command: [/nothing], volumes_from: [other]"},
		"a config":                                  {service: "command: [/go.sh], configs: [{source: routes, target: /go.sh}]"},
		"a secret":                                  {service: "command: [/run/secrets/password], secrets: [password]"},
		"beside, where that is a tmpfs":             {service: "command: [/tmp/run], tmpfs: [/tmp]"},
		"no such path beside a config and a secret": {service: "command: [/nothing], configs: [routes], secrets: [password]", want: `service web runs "/nothing", which is not in x`},
		"a config at its usual place":               {service: "command: [/routes], configs: [routes]"},
		"nothing":                                   {service: "entrypoint: []", bare: true},
		"of another system":                         {service: "user: nobodyx, command: [none]", change: func(i *compose.Image) { i.Platform.OS = "windows" }},
	} {
		model, _ := stack(t, "web: {image: x, "+c.service+"}, other: {image: x}", "routes.conf", "secrets/password")
		image, inside := debian, playedImage(contents, held)
		if c.change != nil {
			c.change(&image)
		}
		if c.bare {
			inside = playedImage(nil, nil)
		}
		problems, err := Misfits(t.Context(), model.Services["web"], image, inside)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, p := range problems {
			got = append(got, p.Text)
			if p.Remedy == "" {
				t.Errorf("%s: no remedy", name)
			}
		}
		var want []string
		if c.want != "" {
			want = append(want, c.want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	lost := errors.New("lost")
	inside := playedImage(contents, held)
	inside.Entry = func(context.Context, string) (compose.Entry, error) { return compose.Entry{}, lost }
	model, _ := stack(t, "web: {image: x, command: [/srv/run]}")
	if _, err := Misfits(t.Context(), model.Services["web"], debian, inside); !errors.Is(err, lost) {
		t.Errorf("where nobody could look: %v", err)
	}
}
