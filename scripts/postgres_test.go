package scripts_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dumpDatabase runs dump_database with tools of which pg_dump prints a text and pg_restore does what a script says.
func dumpDatabase(t *testing.T, text, dump, restore string) (string, int) {
	t.Helper()
	bin := t.TempDir()
	for name, content := range map[string]string{
		"text":       text,
		"pg_dump":    "#!/usr/bin/env bash\ncat \"${0%/*}/text\"\n" + dump + "\n",
		"pg_restore": "#!/usr/bin/env bash\n" + restore + "\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "-c", "set -euo pipefail; source lib/postgres.sh; dump_database shop")
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestADumpOfPostgreSQLIsReadToItsEndAndItsRowsAreCountedWhileItIsMade(t *testing.T) {
	t.Parallel()
	const copied = "-- Data for Name: t\n\nCOPY public.t (id, note) FROM stdin;\n"
	for name, world := range map[string]struct{ text, rows string }{
		"a table":               {copied + "1\ta\n2\tb\n\\.\n\n", "2 public.t\n"},
		"none":                  {"SELECT pg_catalog.setval('public.s', 2, true);\n", ""},
		"nothing at all":        {"", ""},
		"two, one of them bare": {copied + "\\.\n" + "COPY public.\"a \"\"b\"\".c: d\" (id) FROM stdin;\n1\n\\.\n", "0 public.t\n1 public.\"a \"\"b\"\".c: d\"\n"},
		"rows that look like the bounds of a table": {
			copied + "1\tCOPY u (id) FROM stdin;\nCOPY u (id) FROM stdin;\n\\\\.\n3\tx\\\\.\n\\.\n", "4 public.t\n",
		},
		"what is no text":      {"PGDMP\x00\x01\xff" + copied + "1\t\xe9\n\\.\n", "1 public.t\n"},
		"more than any buffer": {copied + strings.Repeat("1\tsomething\n", 500_000) + "\\.\n", "500000 public.t\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := strings.TrimSuffix(world.rows, "\n")
			want := world.text + strings.TrimPrefix(dumped(rows), "content")
			if out, code := dumpDatabase(t, world.text, "", "tr -d '\\0'"); code != 0 || out != want {
				t.Errorf("exit code %d, %d bytes, behind the dump %q; want %q", code, len(out), strings.TrimPrefix(out, world.text), strings.TrimPrefix(want, world.text))
			}
		})
	}
}

func TestADumpOfPostgreSQLFailsIfAnyToolDoes(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("1\tsomething\n", 100_000)
	for name, world := range map[string]struct {
		dump, restore string
		code          int
	}{
		"all is well":                      {"", "cat", 0},
		"pg_restore does not read the end": {"", "head -c 5", 0},
		"pg_dump fails at the end":         {"exit 7", "cat", 7},
		"the dump cannot be read":          {"", "cat; exit 8", 8},
		"not even its beginning":           {"", "exit 8", 8},
	} {
		out, code := dumpDatabase(t, text, world.dump, world.restore)
		if code != world.code {
			t.Errorf("%s: exit code %d, want %d", name, code, world.code)
		}
		if whole := strings.HasPrefix(out, text) && strings.HasSuffix(out, "000000000000\n"); whole != (code == 0) {
			t.Errorf("%s: it prints %d bytes, as if it had succeeded: %t", name, len(out), whole)
		}
	}
}
