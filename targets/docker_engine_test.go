package targets_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// playedEngine is the API of the world in a folder, as far as package compose asks it. The commands of docker_test.go change
// that world.
type playedEngine struct{ dir string }

// serveEngine plays the engine of a folder until stop is called. It returns the DOCKER_HOST that leads to it.
func serveEngine(dir string) (host string, stop func(), err error) {
	short, err := os.MkdirTemp("", "engine") // the path of a socket is limited to 107 bytes
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(short, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(short))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.48") })
	mux.Handle("/v1.48/", http.StripPrefix("/v1.48", playedEngine{dir}.routes()))
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	return "unix://" + path, func() { _ = server.Close(); _ = os.RemoveAll(short) }, nil
}

func (e playedEngine) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", e.answer(func(*world, *http.Request) (any, error) {
		return map[string]string{"Version": "28.0.0", "ApiVersion": "1.48", "MinAPIVersion": "1.24"}, nil
	}))
	mux.HandleFunc("GET /containers/json", e.answer(containersListed))
	mux.HandleFunc("GET /containers/{id}/json", e.answer(func(w *world, r *http.Request) (any, error) {
		c, err := w.container(r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return c.inspected(), nil
	}))
	mux.HandleFunc("GET /containers/{id}/logs", e.logs)
	mux.HandleFunc("POST /containers/{id}/exec", e.answer(func(_ *world, r *http.Request) (any, error) {
		return map[string]string{"Id": r.PathValue("id")}, nil
	}))
	mux.HandleFunc("POST /exec/{id}/start", e.exec)
	mux.HandleFunc("GET /exec/{id}/json", e.answer(func(*world, *http.Request) (any, error) {
		f, _ := faultOf(e.dir, "exec")
		return map[string]any{"ExitCode": f.Code}, nil
	}))
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // nothing happens
	})
	mux.HandleFunc("GET /images/{ref...}", e.answer(func(w *world, r *http.Request) (any, error) {
		ref := strings.TrimSuffix(r.PathValue("ref"), "/json")
		id := w.Images[ref]
		if slices.Contains(slices.Collect(maps.Values(w.Images)), ref) {
			id = ref
		}
		if id != "" {
			return map[string]any{"Id": id, "RootFS": map[string]any{"Layers": []string{id}}}, nil
		}
		return nil, fmt.Errorf("no such image: %s: %w", ref, errNotFound)
	}))
	mux.HandleFunc("GET /networks", e.answer(networksListed))
	mux.HandleFunc("POST /networks/create", e.answer(func(w *world, r *http.Request) (any, error) {
		var lock network
		err := json.NewDecoder(r.Body).Decode(&lock)
		lock.ID = lock.Name
		w.Networks = append(w.Networks, lock)
		return lock, err
	}))
	mux.HandleFunc("DELETE /networks/{name}", e.answer(func(w *world, r *http.Request) (any, error) {
		w.Networks = slices.DeleteFunc(w.Networks, func(n network) bool { return n.ID == r.PathValue("name") })
		return nil, nil
	}))
	mux.HandleFunc("GET /networks/{name}", e.answer(func(_ *world, r *http.Request) (any, error) {
		return nil, fmt.Errorf("network %s not found: %w", r.PathValue("name"), errNotFound)
	}))
	mux.HandleFunc("GET /volumes/{name}", e.answer(func(w *world, r *http.Request) (any, error) {
		name := r.PathValue("name")
		if !slices.Contains(w.Volumes, name) {
			return nil, fmt.Errorf("get %s: no such volume: %w", name, errNotFound)
		}
		return map[string]string{"Name": name, "CreatedAt": "2026-01-01T00:00:00Z", "Mountpoint": "/nowhere/" + name + "/_data"}, nil
	}))
	return mux
}

// answer looks at the world and says what it is asked as JSON.
func (e playedEngine) answer(of func(*world, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var said any
		err := withWorld(e.dir, func(world *world) error {
			var err error
			said, err = of(world, r)
			return err
		})
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			code := http.StatusInternalServerError
			if errors.Is(err, errNotFound) {
				code = http.StatusNotFound
			}
			w.WriteHeader(code)
			said = map[string]string{"message": err.Error()}
		}
		_ = json.NewEncoder(w).Encode(said)
	}
}

// network is one that nothing is in, for the containers run nothing: a lock.
type network struct {
	ID         string `json:"Id"`
	Name       string
	ConfigOnly bool
	Labels     map[string]string
}

// networksListed are those that have the label that is asked for.
func networksListed(w *world, r *http.Request) (any, error) {
	var filters struct{ Label map[string]bool }
	if text := r.URL.Query().Get("filters"); text != "" {
		if err := json.Unmarshal([]byte(text), &filters); err != nil {
			return nil, err
		}
	}
	found := []network{}
	for _, n := range w.Networks {
		fits := true
		for label := range filters.Label {
			key, value, _ := strings.Cut(label, "=")
			fits = fits && n.Labels[key] == value
		}
		if fits {
			found = append(found, n)
		}
	}
	return found, nil
}

// containersListed are the containers that have every label that is asked for.
func containersListed(w *world, r *http.Request) (any, error) {
	var filters struct{ Label, Publish map[string]bool }
	if err := json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters); err != nil {
		return nil, err
	}
	found := []map[string]any{}
	for _, c := range w.Containers {
		fits := len(filters.Publish) == 0
		for label := range filters.Label {
			key, value, _ := strings.Cut(label, "=")
			fits = fits && c.labels()[key] == value
		}
		if fits {
			found = append(found, map[string]any{"Id": c.ID, "Names": []string{"/" + c.Name}})
		}
	}
	return found, nil
}

func (e playedEngine) logs(w http.ResponseWriter, r *http.Request) {
	_ = withWorld(e.dir, func(world *world) error {
		c, err := world.container(r.PathValue("id"))
		if err != nil {
			http.Error(w, `{"message": "gone"}`, http.StatusNotFound)
			return nil
		}
		frame(w, "2026-01-01T00:00:00.000000000Z a line of "+c.Service+"\n")
		return nil
	})
}

// exec passes every healthcheck, unless a fault plays `docker exec`.
func (e playedEngine) exec(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // else its writer finds the connection closed
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	if f, found := faultOf(e.dir, "exec"); found {
		frame(conn, f.Stdout)
	}
}

// frame writes a piece of stdout as the engine does on a connection that carries stderr too.
func frame(w io.Writer, text string) {
	header := [8]byte{1}
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	fmt.Fprintf(w, "%s%s", header[:], text)
}
