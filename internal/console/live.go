package console

import (
	"context"
	"slices"
	"sync"
	"time"
)

// period is how often what is live is drawn anew. What ends sooner is never seen, so that nothing flashes up.
const period = 200 * time.Millisecond

// Row is one line of what is shown live: a word, its subject, how long that has been so, a detail.
type Row struct {
	Word    Word
	Subject string
	Detail  string
	Since   time.Time // the age counts from here, by itself
}

// Live is a block of rows at the foot of the terminal, drawn anew in place while something is waited for. Lines that
// are printed meanwhile appear above it, and nothing of it stays when it ends. A Live is safe for concurrent use.
type Live struct {
	console *Console
	rows    []Row
	ended   chan struct{}
	end     func()
}

// Live begins a block that ends with ctx at the latest. It is nil where progress is not read at a terminal that can
// show one: there a change is a Line.
func (c *Console) Live(ctx context.Context) *Live {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.err.live {
		return nil
	}
	l := &Live{console: c, ended: make(chan struct{})}
	l.end = sync.OnceFunc(l.remove)
	c.lives = append(c.lives, l)
	context.AfterFunc(ctx, l.end)
	go l.tick()
	return l
}

// Show makes rows what is shown from the next drawing on.
func (l *Live) Show(rows []Row) {
	l.console.mu.Lock()
	defer l.console.mu.Unlock()
	l.rows = slices.Clone(rows)
}

// End takes the block off the screen.
func (l *Live) End() { l.end() }

// EndLive takes whatever is live off the screen for good, for a process that is about to be left.
func (c *Console) EndLive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	c.err.live, c.lives = false, nil
}

func (l *Live) tick() {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-l.ended:
			return
		case <-ticker.C:
			l.console.mu.Lock()
			l.console.draw()
			l.console.mu.Unlock()
		}
	}
}

func (l *Live) remove() {
	close(l.ended)
	l.console.mu.Lock()
	defer l.console.mu.Unlock()
	l.rows = nil
	l.console.lives = slices.DeleteFunc(l.console.lives, func(other *Live) bool { return other == l })
	l.console.draw()
}
