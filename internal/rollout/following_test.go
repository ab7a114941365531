package rollout

import (
	"context"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// beside is a world with a container of another service, db, in it.
type beside struct {
	*world
	db string // its id
}

func (b *beside) acts() Acts {
	return Acts{Script: b.script, Wait: b.wait, Containers: func(ctx context.Context) ([]compose.Container, error) {
		all, err := b.containers(ctx)
		return append(all, compose.Container{ID: b.db, Service: "db", Status: "running"}), err
	}}
}

// deploy writes down what is followed, has db replaced where it is to be, and brings the service up.
func (b *beside) deploy(t *testing.T, origins *Origins, db string) {
	t.Helper()
	acts := b.acts()
	all, err := acts.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := origins.Follow(b.service, all); err != nil {
		t.Fatal(err)
	}
	if cause, err := origins.Holds(b.service, all, b.target().Image, nil); err != nil || cause != "" && b.service.Replicas() == len(b.boxes) {
		t.Errorf("once that is written down: %q, %v", cause, err)
	}
	b.db = db
	if _, err := Service(t.Context(), acts, origins, b.target()); err != nil {
		t.Fatal(err)
	}
	b.check(t)
}

// follow has the service be replaced with db, or no longer.
func (b *beside) follow(yes bool) {
	b.service.DependsOn = types.DependsOnConfig{"db": {Condition: "service_started", Restart: yes, Required: true}}
}

func TestWhatAServiceBeginsToFollowCountsFromThenOn(t *testing.T) {
	type change struct {
		follow bool
		db     string
		scale  int
		born   int // containers, in all
	}
	for name, changes := range map[string][]change{
		"it begins, and is scaled":                   {{false, "db1", 1, 1}, {true, "db1", 2, 2}},
		"it begins after the other was replaced":     {{false, "db1", 1, 1}, {false, "db2", 1, 1}, {true, "db2", 2, 2}},
		"it begins, and the other is replaced":       {{false, "db1", 1, 1}, {true, "db2", 1, 2}},
		"it began, and the other is replaced":        {{false, "db1", 1, 1}, {true, "db1", 1, 1}, {true, "db2", 1, 2}},
		"it ends, and is scaled":                     {{true, "db1", 1, 1}, {false, "db1", 2, 2}},
		"it ends, and the other is replaced":         {{true, "db1", 1, 1}, {false, "db2", 2, 2}},
		"it ended, and begins anew":                  {{true, "db1", 1, 1}, {false, "db2", 1, 1}, {true, "db2", 2, 2}},
		"it ended, begins, and the other is another": {{true, "db1", 1, 1}, {false, "db2", 1, 1}, {true, "db3", 1, 2}},
	} {
		for order, service := range map[string]compose.Service{"start-first": stateless(1), "stop-first": stateful(1)} {
			t.Run(name+", "+order, func(t *testing.T) {
				origins := openOrigins(t)
				b := &beside{world: newWorld(service), db: "db1"}
				for i, c := range changes {
					b.follow(c.follow)
					b.scale(c.scale)
					b.deploy(t, origins, c.db)
					if b.born != c.born {
						t.Fatalf("%d: %d containers were made in all, want %d", i, b.born, c.born)
					}
				}
			})
		}
	}
}

// A rollout that was cut leaves containers of two definitions: the old one stays the old one, and goes.
func TestARolloutThatWasCutGoesOnWhereTheServiceFollowsAnotherSince(t *testing.T) {
	origins := openOrigins(t)
	b := &beside{world: newWorld(stateful(2)), db: "db1"}
	b.deploy(t, origins, "db1")
	b.content, b.dieAt, b.ticks = "two", 5, 0
	if _, err := Service(t.Context(), b.acts(), origins, b.target()); err == nil {
		t.Fatal("it was not cut")
	}
	made := b.born
	b.dieAt = 0
	b.follow(true)
	acts := b.acts()
	all, err := acts.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := origins.Follow(b.service, all); err != nil {
		t.Fatal(err)
	}
	if _, err := Service(t.Context(), acts, origins, b.target()); err != nil {
		t.Fatal(err)
	}
	b.check(t)
	if made != 3 || b.born != 4 {
		t.Errorf("%d containers were made before it was cut and %d in all, want 3 and 4", made, b.born)
	}
}
