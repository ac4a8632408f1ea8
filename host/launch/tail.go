package launch

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/redact"
)

// LogFile is the name, in the directory of a failed attempt, of what the plugin
// wrote last.
const LogFile = "log"

const keptLines = 100

// tail keeps the last lines that the plugins of a stage have written, over their
// restarts, and knows the stage's secrets, which must be in none of them. It is safe
// for concurrent use; nil keeps and hides nothing.
type tail struct {
	mu       sync.Mutex
	secrets  []string
	redactor *redact.Redactor
	lines    [keptLines]keptLine
	next     int // where the next line goes
}

type keptLine struct {
	at   time.Time
	text []byte // the array is used again
}

// newTail hides the secrets in the forms that package redact knows.
func newTail(secrets []string) *tail {
	t := &tail{}
	t.hide(secrets)
	return t
}

// hide hides more secrets, besides those from before.
func (t *tail) hide(secrets []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, secret := range secrets {
		if !slices.Contains(t.secrets, secret) {
			t.secrets = append(t.secrets, secret)
		}
	}
	t.redactor = redact.New(t.secrets...)
}

// add keeps a line from which the secrets are gone, shortened.
func (t *tail) add(at time.Time, line string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := &t.lines[t.next]
	kept.at, kept.text = at, append(kept.text[:0], line[:min(len(line), maxPlain)]...)
	t.next = (t.next + 1) % keptLines
}

// hidden returns a text without the stage's secrets.
func (t *tail) hidden(text string) string {
	if t == nil {
		return text
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.redactor.Text(text)
}

// write makes the log file in a directory, with the time of each line. The
// directory is the plugin's, so that nothing in it is followed.
func (t *tail) write(dir string) error {
	var text bytes.Buffer
	t.mu.Lock()
	for i := range keptLines {
		line := t.lines[(t.next+i)%keptLines]
		if line.at.IsZero() {
			continue
		}
		text.WriteString(line.at.UTC().Format("2006-01-02T15:04:05.000Z "))
		text.Write(bytes.ToValidUTF8(line.text, []byte("\uFFFD")))
		text.WriteByte('\n')
	}
	t.mu.Unlock()
	if text.Len() == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.RemoveAll(LogFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(LogFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text.Bytes())
	return errors.Join(err, f.Close())
}
