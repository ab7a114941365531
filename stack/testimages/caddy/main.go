// Caddy as its project builds it. Debian's is 2.6, which gives up on a POST whose connection failed (caddy#7546).
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() {
	caddycmd.Main()
}
