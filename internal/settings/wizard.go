package settings

import (
	"context"
	"fmt"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"
)

// Prompt asks the operator on a terminal.
type Prompt struct {
	In         io.Reader
	Out        io.Writer
	Accessible bool // one plain question a line, for screen readers and terminals without cursor movement
	Yes        bool // no confirmation
}

// NewPrompt returns a prompt on the terminal, in accessible mode where ACCESSIBLE is set or the terminal is dumb.
func NewPrompt(in, out *os.File) Prompt {
	return Prompt{In: in, Out: out, Accessible: os.Getenv("ACCESSIBLE") != "" || os.Getenv("TERM") == "dumb"}
}

// Run asks for what the plan is missing, shows the summary and asks to confirm. It returns an error that is [ErrDeclined]
// when the operator refuses or leaves; nothing is written here in any case. Where there is nothing to ask or to write, it
// asks nothing.
func (p Prompt) Run(ctx context.Context, plan *Plan) error {
	if err := p.ask(ctx, plan); err != nil {
		return err
	}
	if !plan.Changes() {
		return nil
	}
	if _, err := fmt.Fprintf(p.Out, "%s\n", plan.Env.Path()); err != nil {
		return err
	}
	if err := plan.WriteSummary(p.Out); err != nil {
		return err
	}
	if p.Yes {
		return nil
	}
	return p.Confirm(ctx, "Write this?")
}

// Confirm asks a question that only a clear yes answers; it returns an error that is [ErrDeclined] otherwise.
func (p Prompt) Confirm(ctx context.Context, question string) error {
	sure := false
	field := huh.NewConfirm().Title(question).Affirmative("Yes").Negative("No").Value(&sure)
	if err := p.form(ctx, field); err != nil {
		return err
	}
	if !sure {
		return ErrDeclined
	}
	return nil
}

// ask fills in what is missing, and lets the operator change a default that stands behind a question.
func (p Prompt) ask(ctx context.Context, plan *Plan) error {
	var answers []*Answer
	for _, s := range append(plan.Missing, plan.Blank...) {
		if !s.Optional || s.Question != "" && !p.Yes {
			answers = append(answers, &Answer{Setting: s, Source: Entered})
		}
	}
	for i := range plan.Answers {
		if a := &plan.Answers[i]; a.Source == Default && a.Setting.Question != "" && !p.Yes {
			answers = append(answers, a)
		}
	}
	if len(answers) == 0 {
		return nil
	}
	fields := make([]huh.Field, len(answers))
	values := make([]string, len(answers))
	for i, a := range answers {
		values[i] = a.Value
		fields[i] = input(a.Setting, &values[i])
	}
	if err := p.form(ctx, fields...); err != nil {
		return err
	}
	for i, a := range answers {
		// A form whose input has ended reports nothing and leaves the rest of the questions blank.
		if err := a.Setting.Check(values[i]); err != nil {
			return fmt.Errorf("%s %w: %w", a.Setting.Key, err, ErrDeclined)
		}
	}
	for i, a := range answers {
		value := a.Setting.normal(values[i])
		if a.Source == Entered {
			plan.Answers = append(plan.Answers, Answer{a.Setting, value, Entered})
		} else if value != a.Value {
			a.Value, a.Source = value, Entered
		}
	}
	plan.Missing, plan.Blank = nil, nil
	plan.sort()
	return nil
}

func input(s Setting, value *string) *huh.Input {
	title := s.question()
	if s.Optional {
		title += " (may be blank)"
	}
	field := huh.NewInput().Title(title).Description(s.where()).Value(value).Validate(func(given string) error {
		if given == "" && s.Default != "" {
			given = s.Default // accessible mode takes a blank line for the default
		}
		return s.Check(given)
	})
	if s.IsSecret() {
		field.EchoMode(huh.EchoModePassword)
	}
	return field
}

// form shows the fields one after the other and turns every way of leaving them into ErrDeclined.
func (p Prompt) form(ctx context.Context, fields ...huh.Field) error {
	if p.Accessible {
		return p.lines(ctx, fields)
	}
	pages := make([]*huh.Group, len(fields))
	for i, field := range fields {
		pages[i] = huh.NewGroup(field)
	}
	form := huh.NewForm(pages...).WithTheme(huh.ThemeFunc(huh.ThemeBase)).WithShowHelp(false)
	form.SubmitCmd, form.CancelCmd = tea.Quit, tea.Quit
	// The program is run here and not by huh, which knows only one way to end a form early: to kill its program, and then
	// nobody waits for the read that is under way. Signals are the caller's, who cancels ctx.
	program := tea.NewProgram(screen{form}, tea.WithInput(p.In), tea.WithOutput(p.Out), tea.WithoutSignalHandler())
	defer context.AfterFunc(ctx, program.Quit)()
	_, err := program.Run()
	switch {
	case ctx.Err() != nil, form.State == huh.StateAborted: // Ctrl-C is a key here and no signal
		return interruptedError{}
	case err != nil:
		return fmt.Errorf("ask on the terminal: %w", err)
	case form.State != huh.StateCompleted:
		return ErrDeclined
	}
	return nil
}

// screen shows a form as bubbletea wants it.
type screen struct{ form *huh.Form }

func (s screen) Init() tea.Cmd { return s.form.Init() }

func (s screen) View() tea.View { return tea.NewView(s.form.View()) }

func (s screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := s.form.Update(msg) // a form returns itself
	return s, cmd
}
