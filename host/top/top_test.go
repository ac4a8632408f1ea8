package top

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/live"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// recorded is the response of /api/v1/overview for the scene of package monitor's tests. It
// has a block at work, a failed one, a refused one, a reporter that is paused and a node
// that does not answer.
func recorded(t *testing.T) live.Overview {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "overview.json"))
	if err != nil {
		t.Fatal(err)
	}
	var o live.Overview
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

var sizes = [][2]int{{80, 24}, {200, 50}, {40, 20}}

// TestScreens compares every view with its golden screen, at the sizes of a usual, a large
// and a narrow terminal.
func TestScreens(t *testing.T) {
	o := recorded(t)
	for _, size := range sizes {
		for v := range views {
			name := fmt.Sprintf("%s-%dx%d.txt", viewNames[v], size[0], size[1])
			golden(t, name, plain(Screen{Overview: o, Now: o.Time, View: v, Width: size[0], Height: size[1]}))
		}
	}
	empty := live.Overview{Pipeline: live.Pipeline{State: live.Starting, Word: "Starting", Reason: "The stages are being started."}}
	golden(t, "empty-80x24.txt", plain(Screen{Overview: empty, Now: o.Time, Width: 80, Height: 24}))
	golden(t, "lost-80x24.txt", plain(Screen{Overview: o, Now: o.Time, Width: 80, Height: 24, Trouble: "no host runs this pipeline"}))
}

// plain returns a screen without colours and without spaces at the ends of lines.
func plain(s Screen) string {
	lines := strings.Split(ansi.Strip(s.String()), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// coloured is a sequence that chooses a colour of text or background (ECMA-48, SGR).
var coloured = regexp.MustCompile("\x1b\\[(|[0-9;]*;)(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

// TestEverySize: no screen is wider or higher than the terminal, and none panics.
func TestEverySize(t *testing.T) {
	o := recorded(t)
	for width := 1; width < 220; width += 7 {
		for height := 1; height < 60; height += 5 {
			for v := range views {
				lines := strings.Split(Screen{Overview: o, Now: o.Time, View: v, Width: width, Height: height, Scroll: height}.String(), "\n")
				if len(lines) > height {
					t.Errorf("%s at %d×%d has %d lines", viewNames[v], width, height, len(lines))
				}
				for _, line := range lines {
					if n := ansi.StringWidth(line); n > width {
						t.Errorf("%s at %d×%d has a line of %d columns: %s", viewNames[v], width, height, n, ansi.Strip(line))
					}
				}
			}
		}
	}
}

// TestNoControlCharacters: texts of plugins cannot move the cursor.
func TestNoControlCharacters(t *testing.T) {
	o := recorded(t)
	o.Stages[0].Doing, o.Pipeline.Reason = "x\x1b[2Jy\r", "a\x1b]0;title\x07b"
	o.Log = append([]live.Line{{Level: "error", Stage: "s\x1b[1A", Text: "t\x9b2J\x00"}}, o.Log...)
	o.Failures[0].Reason, o.Alerts[0].Title = "\x1b[31mred", "\x1bc"
	o.Stages[0].Endpoints[1].Name, o.Stages[0].Endpoints[1].Detail = "http\x1b[2J", "\x1b]0;refused\x07"
	for v := range views {
		screen := Screen{Overview: o, Now: o.Time, View: v, Width: 120, Height: 40}.String()
		for _, r := range ansi.Strip(screen) {
			if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) {
				t.Errorf("%s shows %q", viewNames[v], r)
			}
		}
		if strings.Contains(screen, "\x1b[2J") || strings.Contains(screen, "\x1b]") {
			t.Errorf("%s lets a sequence through", viewNames[v])
		}
	}
}

// TestKeys: numbers and arrows change the view, a list scrolls within its bounds,
// q ends.
func TestKeys(t *testing.T) {
	o := recorded(t)
	var m tea.Model = program{ctx: t.Context(), options: Options{Now: func() time.Time { return o.Time }}, screen: Screen{Overview: o, Width: 80, Height: 24}}
	var cmd tea.Cmd
	press := func(keys ...tea.KeyPressMsg) {
		for _, key := range keys {
			m, cmd = m.Update(key)
		}
	}
	at := func() Screen { return m.(program).screen }
	press(tea.KeyPressMsg{Code: '3', Text: "3"})
	if at().View != Blocks {
		t.Errorf("3 opens %v", at().View)
	}
	press(tea.KeyPressMsg{Code: tea.KeyUp})
	if at().Scroll != 0 {
		t.Error("it scrolls above the first line")
	}
	for range 500 {
		press(tea.KeyPressMsg{Code: tea.KeyDown})
	}
	if got := at().Scroll; got != len(o.Targets)-1 {
		t.Errorf("it scrolls to line %d of %d", got, len(o.Targets))
	}
	press(tea.KeyPressMsg{Code: tea.KeyTab})
	if at().View != Failures || at().Scroll != 0 {
		t.Errorf("tab: %v, line %d", at().View, at().Scroll)
	}
	m, _ = m.Update(overviewMsg{err: errors.New("gone")})
	if !strings.Contains(at().String(), "gone") || len(at().Overview.Targets) == 0 {
		t.Error("without a host the last picture stays, and it is said that it is old")
	}
	press(tea.KeyPressMsg{Code: 'q', Text: "q"})
	if cmd == nil {
		t.Fatal("q does nothing")
	}
	if _, quits := cmd().(tea.QuitMsg); !quits {
		t.Error("q does not end it")
	}
}

// TestTerminal checks the content of a terminal with tmux: the golden screens, and no
// colours if NO_COLOR is set.
func TestTerminal(t *testing.T) {
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("tmux is not installed, so no terminal is looked at: apt-get install tmux")
	}
	if testing.Short() {
		t.Skip("a program is built for it")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "screen")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/screen").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	overview, err := filepath.Abs("testdata/overview.json")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "tmux")
	run := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, tmux, append([]string{"-S", socket, "-f", "/dev/null"}, args...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TERM=xterm-256color")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Cleanup(func() { _ = exec.Command(tmux, "-S", socket, "kill-server").Run() })
	for i, size := range sizes[:2] {
		name := fmt.Sprint("s", i)
		run("-u", "new-session", "-d", "-s", name, "-x", fmt.Sprint(size[0]), "-y", fmt.Sprint(size[1]), "env", "NO_COLOR=1", program, overview)
		golden, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("overview-%dx%d.txt", size[0], size[1])))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimRight(string(golden), "\n")
		got := ""
		for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
			if got = strings.TrimRight(run("capture-pane", "-p", "-t", name), "\n"); got == want {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", size, diff)
		}
		if seen := coloured.FindString(run("capture-pane", "-p", "-e", "-t", name)); seen != "" {
			t.Errorf("NO_COLOR is not respected: %q", seen)
		}
	}
}
