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

// ProgramName is the name of the keeper's program (cmd/proofline-keeper), which lies
// beside the host's executable. It needs less memory than the host's executable.
const ProgramName = "proofline-keeper"

// digest is the SHA-256, in hexadecimal, of the keeper program that was built with this
// executable. The linker sets it. It is empty if none was built, as by "go install".
var digest string

// program is the keeper's program, opened and compared with its digest. The open file is
// executed, so that an update may replace the file of that name meanwhile.
type program struct {
	file       *os.File
	wantDigest string // SHA-256, hexadecimal

	mu   sync.Mutex
	stat unix.Stat_t // of the file at the last comparison
}

// ownProgram returns the program that was built with this executable, or the error why
// it cannot be used.
var ownProgram = sync.OnceValues(func() (*program, error) {
	if digest == "" {
		return nil, errNotBuilt
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return openProgram(filepath.Join(filepath.Dir(self), ProgramName), digest)
})

var errNotBuilt = errors.New("this executable was built without a keeper program")

// OwnProgram returns why the keeper program that was built with this executable cannot
// be used. It returns nil if the program is used, or if none was built.
func OwnProgram() error {
	if _, err := ownProgram(); err != errNotBuilt {
		return err
	}
	return nil
}

// openProgram opens a file whose digest must be the given one.
func openProgram(path, digest string) (*program, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &program{file: f, wantDigest: digest}
	if _, err := p.path(); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// path returns a path of the open file with which this process can execute it. If the
// file may have changed since the last comparison, path compares it again.
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
		if got := hex.EncodeToString(sum.Sum(nil)); got != p.wantDigest {
			return "", fmt.Errorf("%s is not the one that was built with this executable (sha256 is %.16s…, not %.16s…): install both from one release", p.file.Name(), got, p.wantDigest)
		}
		p.stat = now
	}
	return fmt.Sprintf("/proc/self/fd/%d", p.file.Fd()), nil
}

// command returns the command line of a keeper up to the word "keeper".
func command() []string {
	if p, err := ownProgram(); err == nil {
		if path, err := p.path(); err == nil {
			return []string{path, "keeper"}
		}
	}
	// The link still points to this executable after an update has replaced the file.
	return []string{"/proc/self/exe", "keeper"}
}
