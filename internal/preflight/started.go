package preflight

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"slipway/internal/compose"
)

// An engine creates a container and looks at some of its definition only when it starts it. What it takes there is the same in
// all of them, or is what the kernel takes, and can be read here.

// deviceRule is a rule of device_cgroup_rules, as engines read it.
var deviceRule = regexp.MustCompile(`^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$`)

// Options of tmpfs: those that engines pass on, alone and with a value, and how the kernel reads such a value.
var (
	tmpfsFlags = strings.Fields(`defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime
		diratime nodiratime bind rbind unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime strictatime
		nostrictatime`)
	sized       = regexp.MustCompile(`^(0[xX][0-9a-fA-F]+|[0-9]+)[kKmMgGtTpPeE]?%?$`)
	tmpfsValues = map[string]*regexp.Regexp{
		"size": sized, "nr_blocks": sized, "nr_inodes": sized,
		"mode": regexp.MustCompile(`^\+?[0-7]+$`),
		"uid":  regexp.MustCompile(`^\+?(0[xX][0-9a-fA-F]+|[0-9]+)$`),
		"gid":  regexp.MustCompile(`^\+?(0[xX][0-9a-fA-F]+|[0-9]+)$`),
		"mpol": regexp.MustCompile(``),
		"":     regexp.MustCompile(``),
	}
)

// unstartable are what no engine would start, though it creates a container of it.
func unstartable(s compose.Service) []Problem {
	var problems []Problem
	for _, rule := range s.DeviceCgroupRules {
		if !deviceRule.MatchString(rule) {
			problems = append(problems, Problem{
				fmt.Sprintf("service %s has %q in device_cgroup_rules, which is no such rule", s.Name, rule),
				`write it as "c 1:3 rwm": a, b or c, the device's numbers or *, and what is allowed of r, w and m`,
			})
		}
	}
	for _, entry := range s.Tmpfs {
		target, options, _ := strings.Cut(entry, ":")
		if options == "" {
			continue
		}
		for option := range strings.SplitSeq(options, ",") {
			name, value, valued := strings.Cut(option, "=")
			form, known := tmpfsValues[name]
			switch {
			case valued && known && (value == "" || form.MatchString(value)), !valued && slices.Contains(tmpfsFlags, option):
				continue
			case valued && known:
				problems = append(problems, Problem{fmt.Sprintf("service %s has tmpfs %s with %s, which the kernel does not take", s.Name, target, option), "write it as size=64m, mode=1777 or uid=1000"})
			default:
				problems = append(problems, Problem{
					fmt.Sprintf("service %s has tmpfs %s with option %q, which engines do not know", s.Name, target, option),
					"they know size, mode, uid, gid, nr_inodes, nr_blocks and mpol with a value, and flags such as ro, noexec, nosuid",
				})
			}
		}
	}
	return problems
}

// logValues are options of the engine's own log drivers whose names it knows and whose values it would not take at the start.
func logValues(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, s := range sorted(model) {
		if s.Logging == nil || s.Provider != nil || s.Replicas() == 0 {
			continue
		}
		driver := cmp.Or(s.Logging.Driver, w.Engine.Logging)
		if driver != "json-file" && driver != "local" {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(s.Logging.Options)) {
			if value := s.Logging.Options[name]; !loggable(name, value, driver) {
				problems = append(problems, Problem{
					fmt.Sprintf("service %s has logging option %s: %q, which driver %s does not take", s.Name, name, value, driver),
					"write max-size as 10m, max-file as 3, compress as true or false, a regular expression as Go reads it",
				})
			}
		}
	}
	return problems
}

// loggable reports whether a driver would take a value; of an option whose form is not known here it would.
func loggable(name, value, driver string) bool {
	var err error
	switch name {
	case "max-size":
		_, err = units.FromHumanSize(value)
	case "max-file":
		var count int
		count, err = strconv.Atoi(value)
		return err == nil && (count >= 1 || driver != "json-file")
	case "compress":
		_, err = strconv.ParseBool(value)
	case "env-regex", "labels-regex":
		if value != "" {
			_, err = regexp.Compile(value)
		}
	}
	return err == nil
}
