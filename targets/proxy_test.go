//go:build engine

package targets_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// nginxConf resolves the name of its upstream once, when it is read.
const nginxConf = `
user root;
pid /tmp/nginx.pid;
error_log stderr;
daemon off;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi; uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
    upstream site { server web:8080; }
    server { listen 80; location / { proxy_pass http://site; proxy_connect_timeout 1s; } }
}
`

func TestCaseD5AProxyThatLooksNamesUpOnceFindsTheNewContainer(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, map[string]string{"nginx.conf": nginxConf})
	d.image("demo:1")
	d.nginx()
	stack := func(say, order string) {
		d.write("compose.yaml", fmt.Sprintf(`
services:
  web:
    image: @P/demo:1
    environment: {SAY: %q}
    healthcheck: {test: [CMD, /program, check], interval: 1s}
    deploy: {update_config: {order: %s}}
  proxy:
    image: @P/nginx:1
    depends_on: [web]
    ports: ["127.0.0.1:%d:80"]
    volumes: ["./nginx.conf:/etc/nginx.conf:ro"]
`, say, order, port))
	}
	stack("one", "start-first")
	d.deploy(0)
	before := d.ids()["proxy"]
	stack("two", "start-first")
	failed := d.asking(port, func() { d.deploy(0) })
	if got := d.ask(port); !strings.Contains(got, "two") || len(failed) > 0 {
		t.Errorf("it answers %q, and %d requests failed meanwhile: %q", got, len(failed), failed)
	}
	// The name of the old container's address goes to another one first, so that the new one cannot get it.
	stack("three", "stop-first")
	d.docker("run", "-d", "--name", d.project+"-squatter", "--network", d.project+"_default", d.project+"/demo:1", "hold")
	t.Cleanup(func() { d.docker("rm", "-f", d.project+"-squatter") })
	d.deploy(0)
	if got := d.ask(port); !strings.Contains(got, "three") {
		t.Errorf("it answers %q", got)
	}
	if d.ids()["proxy"] != before {
		t.Error("the proxy was replaced")
	}
}

// asking asks a port again and again while something is done, and returns what was not answered.
func (d *demo) asking(port int, act func()) []string {
	d.t.Helper()
	var failed []string
	var wait sync.WaitGroup
	done := make(chan struct{})
	client := http.Client{Timeout: 5 * time.Second}
	wait.Go(func() {
		for {
			response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
			if err != nil {
				failed = append(failed, err.Error())
			} else {
				body, _ := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					failed = append(failed, response.Status+" "+string(body))
				}
			}
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	act()
	close(done)
	wait.Wait()
	return failed
}

var libraries = regexp.MustCompile(`(/\S+) \(0x`)

// nginx makes an image @P/nginx:1 of Debian's nginx and the libraries that it needs.
func (d *demo) nginx() {
	d.t.Helper()
	root := filepath.Join(d.dir, "nginx")
	if err := os.MkdirAll(root, 0o755); err != nil {
		d.t.Fatal(err)
	}
	download := exec.Command("apt-get", "download", "nginx")
	download.Dir = root
	if out, err := download.CombinedOutput(); err != nil {
		d.t.Fatalf("apt-get download nginx: %v\n%s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(root, "nginx_*.deb"))
	if err != nil || len(packages) != 1 {
		d.t.Fatalf("%v, %v", packages, err)
	}
	output(d.t, root, "dpkg", "-x", packages[0], "package")
	copied := []string{"package/usr/sbin/nginx"}
	for _, found := range libraries.FindAllStringSubmatch(output(d.t, root, "ldd", "package/usr/sbin/nginx"), -1) {
		copied = append(copied, found[1])
	}
	for _, from := range copied {
		to := filepath.Join(root, "root", strings.TrimPrefix(from, "package"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			d.t.Fatal(err)
		}
		output(d.t, root, "cp", "-L", from, to)
	}
	for name, text := range map[string]string{"root/etc/passwd": "root:x:0:0::/:\n", "root/etc/group": "root:x:0:\n", "root/tmp/.keep": "", "root/var/log/nginx/.keep": "", "root/var/lib/nginx/.keep": "",
		"Dockerfile": "FROM scratch\nCOPY root /\nCMD [\"/usr/sbin/nginx\", \"-c\", \"/etc/nginx.conf\"]\n"} {
		writeFile(d.t, filepath.Join(root, name), text)
	}
	d.docker("build", "-q", "-t", d.project+"/nginx:1", "nginx")
}
