package settings

import (
	"context"
	"errors"
	"fmt"
	"os"

	"charm.land/huh/v2"
	"golang.org/x/term"
)

// lines asks for one field a line. In this mode huh knows neither a context nor the end of its input: it goes on with
// blank answers. Hence each field is a form of its own, so that nothing is asked after either.
func (p Prompt) lines(ctx context.Context, fields []huh.Field) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	in := p.In
	if file, ok := in.(*os.File); ok {
		in = ending{file, end}
		// While a secret is typed the terminal does not echo, and a cancelled read would leave it so.
		if state, err := term.GetState(int(file.Fd())); err == nil {
			defer func() { _ = term.Restore(int(file.Fd()), state) }()
		}
	}
	for _, field := range fields {
		form := huh.NewForm(huh.NewGroup(field)).
			WithInput(in).WithOutput(p.Out).
			WithTheme(huh.ThemeFunc(huh.ThemeBase)).
			WithAccessible(true)
		done := make(chan error, 1)
		go func() { done <- form.Run() }()
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("ask on the terminal: %w", err)
			}
		case <-ctx.Done(): // the read is left behind; it has nobody to answer to
		}
		switch err := context.Cause(ctx); {
		case errors.Is(err, errInputEnded):
			return fmt.Errorf("%w: %w", ErrDeclined, err)
		case err != nil:
			return interruptedError{}
		}
	}
	return nil
}

var errInputEnded = errors.New("the input has ended")

// ending tells when its input has ended.
type ending struct {
	*os.File
	end context.CancelCauseFunc
}

func (e ending) Read(p []byte) (int, error) {
	n, err := e.File.Read(p)
	if err != nil {
		e.end(errInputEnded)
	}
	return n, err
}
