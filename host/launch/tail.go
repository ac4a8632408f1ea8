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

// LogFile is the name of the file, in the directory of a failed attempt, with the last
// lines that the plugin wrote.
const LogFile = "log"

const tailLength = 100

// tail keeps the last lines that a stage's plugin has written, across its restarts. It
// also hides the stage's secrets in texts. It is safe for concurrent use. A nil *tail
// keeps nothing and hides nothing.
type tail struct {
	mu       sync.Mutex
	secrets  []string
	redactor *redact.Redactor
	lines    [tailLength]tailLine
	next     int // index for the next line; lines is a ring
}

type tailLine struct {
	at   time.Time
	text []byte // its array is reused for later lines
}

// newTail returns a tail that hides the secrets.
func newTail(secrets []string) *tail {
	t := &tail{}
	t.addSecrets(secrets)
	return t
}

// addSecrets adds secrets to those that are hidden.
func (t *tail) addSecrets(secrets []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, secret := range secrets {
		if !slices.Contains(t.secrets, secret) {
			t.secrets = append(t.secrets, secret)
		}
	}
	t.redactor = redact.New(t.secrets...)
}

// add keeps a line, cut at maxPlain bytes. The caller has hidden the secrets in it.
func (t *tail) add(at time.Time, line string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := &t.lines[t.next]
	kept.at, kept.text = at, append(kept.text[:0], line[:min(len(line), maxPlain)]...)
	t.next = (t.next + 1) % tailLength
}

// redacted returns a text without the stage's secrets.
func (t *tail) redacted(text string) string {
	if t == nil {
		return text
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.redactor.Text(text)
}

// write writes the lines with their times to the log file in a directory. It follows no
// symbolic link in the directory, because the plugin can write there.
func (t *tail) write(dir string) error {
	var text bytes.Buffer
	t.mu.Lock()
	for i := range tailLength {
		line := t.lines[(t.next+i)%tailLength]
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
