package top

import (
	"context"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/proofline/proofline/host/live"
)

// pause is the time between two fetches of the Overview.
const pause = time.Second

// Options are the options of Run.
type Options struct {
	// Overview fetches the present state. Its error is shown until a call succeeds.
	Overview func(context.Context) (live.Overview, error)
	Now      func() time.Time // nil for time.Now
	Input    io.Reader        // keys
	Output   io.Writer        // the terminal
	Environ  []string         // TERM, NO_COLOR and the like
}

// Run shows the pipeline until q or Ctrl-C is pressed, or ctx ends.
func Run(ctx context.Context, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := tea.NewProgram(program{ctx: ctx, options: o, screen: Screen{Now: o.Now(), Trouble: "the host is asked"}},
		tea.WithContext(ctx), tea.WithInput(o.Input), tea.WithOutput(o.Output), tea.WithEnvironment(o.Environ))
	_, err := p.Run()
	if errors.Is(err, tea.ErrInterrupted) || ctx.Err() != nil {
		return nil
	}
	return err
}

// program is the state of a tea.Program.
type program struct {
	ctx     context.Context
	options Options
	screen  Screen
}

// overviewMsg is the message with the result of fetch.
type overviewMsg struct {
	overview live.Overview
	err      error
}

// tickMsg is the message that the pause is over.
type tickMsg struct{}

// fetch implements tea.Cmd: it fetches the Overview.
func (p program) fetch() tea.Msg {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	o, err := p.options.Overview(ctx)
	return overviewMsg{o, err}
}

// Init implements tea.Model.
func (p program) Init() tea.Cmd { return p.fetch }

// Update implements tea.Model.
func (p program) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	s := &p.screen
	s.Now = p.options.Now()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.Width, s.Height = msg.Width, msg.Height
	case overviewMsg:
		if s.Trouble = ""; msg.err != nil {
			s.Trouble = msg.err.Error()
		} else {
			s.Overview = msg.overview
		}
		return p, tea.Tick(pause, func(time.Time) tea.Msg { return tickMsg{} })
	case tickMsg:
		return p, p.fetch
	case tea.KeyPressMsg:
		return p.key(msg.String())
	}
	return p, nil
}

// key applies a key.
func (p program) key(key string) (tea.Model, tea.Cmd) {
	s := &p.screen
	switch key {
	case "q", "ctrl+c", "esc":
		return p, tea.Quit
	case "tab", "right", "l":
		s.View, s.Scroll = (s.View+1)%views, 0
	case "shift+tab", "left", "h":
		s.View, s.Scroll = (s.View+views-1)%views, 0
	case "down", "j":
		s.Scroll++
	case "up", "k":
		s.Scroll--
	case "pgdown", "space", " ":
		s.Scroll += max(s.Height-5, 1)
	case "pgup":
		s.Scroll -= max(s.Height-5, 1)
	case "home", "g":
		s.Scroll = 0
	default:
		for v := range views {
			if key == string(rune('1'+v)) {
				s.View, s.Scroll = v, 0
			}
		}
	}
	s.Scroll = max(0, min(s.Scroll, s.Lines()-1))
	return p, nil
}

// View implements tea.Model.
func (p program) View() tea.View {
	v := tea.NewView(p.screen.String())
	v.AltScreen = true
	v.WindowTitle = "proofline " + printable(p.screen.Overview.Pipeline.Name)
	return v
}
