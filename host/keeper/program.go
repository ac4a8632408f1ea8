package keeper

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// ProgramName is the file beside the host's executable that is the keeper as a program of
// its own, which needs little memory and starts at once. It is cmd/proofline-keeper.
const ProgramName = "proofline-keeper"

// digest is the SHA-256, in hexadecimal, of the keeper that was built with this
// executable. The linker sets it; empty, as after "go install", there is none.
var digest string

// program is a keeper of its own, opened and compared with the digest. What runs is that
// open file: it stays right when its name stands for another file after an update.
type program struct {
	file *os.File
	want string // SHA-256, hexadecimal

	mu   sync.Mutex
	stat unix.Stat_t // of the file when it was compared last
}

// own is the program that was built with this executable, or why it is not used.
var own = sync.OnceValues(func() (*program, error) {
	if digest == "" {
		return nil, errNone
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return openProgram(filepath.Join(filepath.Dir(self), ProgramName), digest)
})

var errNone = errors.New("this executable was built without one")

// OwnProgram says why keepers are started from the whole program, although a smaller one
// was built with it; nil where they are not, or where none was.
func OwnProgram() error {
	if _, err := own(); err != errNone {
		return err
	}
	return nil
}

// openProgram opens the file if its digest is the one that is wanted.
func openProgram(path, want string) (*program, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &program{file: f, want: want}
	if _, err := p.path(); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// path names the open file for a process that this one starts. Where the file may have
// been written to since it was compared, it is compared again.
func (p *program) path() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var now unix.Stat_t
	if err := unix.Fstat(int(p.file.Fd()), &now); err != nil {
		return "", err
	}
	if now.Mode&unix.S_IFMT != unix.S_IFREG || now.Mode&0o111 == 0 {
		return "", fmt.Errorf("%s is not an executable file", p.file.Name())
	}
	if now.Size != p.stat.Size || now.Mtim != p.stat.Mtim || now.Ctim != p.stat.Ctim {
		sum := sha256.New()
		if _, err := io.Copy(sum, io.NewSectionReader(p.file, 0, now.Size)); err != nil {
			return "", err
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != p.want {
			return "", fmt.Errorf("%s is not the one that was built with this executable (sha256 is %.16s…, not %.16s…): install both from one release", p.file.Name(), got, p.want)
		}
		p.stat = now
	}
	return fmt.Sprintf("/proc/self/fd/%d", p.file.Fd()), nil
}

// command is the command line of a keeper up to the word "keeper".
func command() []string {
	if p, err := own(); err == nil {
		if path, err := p.path(); err == nil {
			return []string{path, "keeper"}
		}
	}
	// The link, not the name behind it: it stays right when the file is replaced by an
	// update.
	return []string{"/proc/self/exe", "keeper"}
}
