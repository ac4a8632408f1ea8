package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/wire"
)

const (
	lockWait     = 10 * time.Second // the keeper's patience with a busy instance lock
	maxHandshake = 16 << 10         // bytes; it holds a certificate of about one
)

// process is a plugin's tree with its output. It implements go-plugin's
// runner.Runner; go-plugin sees the handshake line on stdout and nothing else.
type process struct {
	stage     string
	command   keeper.Command
	lines     *lineLog
	handshake *io.PipeReader
	first     *io.PipeWriter

	mu      sync.Mutex
	keeper  *keeper.Process // nil before Start
	stopped bool            // Start is refused
	wrote   bool            // to stdout, a line at least
	greeted string          // the first line of stdout, shortened
	trusted string          // the certificate line before it; empty where there is none

	ended chan struct{} // closed when the tree is gone and its output read
}

func newProcess(spec Spec, program, sockets string, lines *lineLog) *process {
	r, w := io.Pipe()
	return &process{
		stage: spec.Stage,
		command: keeper.Command{
			Options: keeper.Options{
				Lock: spec.Run.lock(spec.Stage), LockWait: lockWait, Grace: min(spec.Grace, terminateGrace),
				Confine: spec.confinement(program, sockets), User: spec.keeperUser(),
			},
			Keeper: spec.Run.Keeper,
			Argv:   []string{program},
			Dir:    spec.Dir,
		},
		lines: lines, handshake: r, first: w, ended: make(chan struct{}),
	}
}

// setEnv sets the environment; call it before Start.
func (p *process) setEnv(env []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.command.Env = env
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("stopped before it was started")
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		return errors.Join(err, outRead.Close(), outWrite.Close())
	}
	p.command.Stdout, p.command.Stderr = outWrite, errWrite
	p.keeper, err = keeper.Start(p.command)
	p.command.Env = nil // no longer needed
	if err != nil {
		return errors.Join(err, outRead.Close(), errRead.Close())
	}
	go p.watch(p.keeper, outRead, errRead)
	return nil
}

// watch owns the pipes: it reads them to their end and closes ended last.
func (p *process) watch(k *keeper.Process, stdout, stderr *os.File) {
	defer close(p.ended)
	var readers sync.WaitGroup
	readers.Go(func() { p.readStdout(stdout) })
	readers.Go(func() { eachLine(stderr, p.lines.line) })
	<-k.Done()
	late := time.AfterFunc(drainTime, func() {
		_ = stdout.Close()
		_ = stderr.Close()
	})
	readers.Wait()
	p.lines.end()
	if late.Stop() {
		_ = stdout.Close()
		_ = stderr.Close()
	}
}

// readStdout hands the first line to go-plugin, after that of the certificate where
// there is one. Nothing may follow it; what does is logged. It says nothing of a panic
// on stderr, which is read beside it.
func (p *process) readStdout(stdout io.Reader) {
	defer p.first.Close()
	seen := false
	eachLine(stdout, func(line []byte) {
		if seen {
			p.lines.read(line)
			return
		}
		if p.certified(string(line)) {
			return
		}
		seen = true
		p.mu.Lock()
		p.wrote, p.greeted = true, shorten(string(line))
		p.mu.Unlock()
		// go-plugin's scanner gives up on lines of 64 KiB and then reads no more.
		_, _ = fmt.Fprintf(p.first, "%s\n", line[:min(len(line), maxHandshake)])
	})
}

// Wait implements runner.Runner.
func (p *process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Kill implements runner.Runner: it asks the keeper to end the tree, with
// grace, and does not wait. The keeper itself is never killed.
func (p *process) Kill(context.Context) error {
	p.signal((*keeper.Process).Stop)
	return nil
}

// killNow asks the keeper to end the tree without grace.
func (p *process) killNow() { p.signal((*keeper.Process).Kill) }

func (p *process) signal(order func(*keeper.Process)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.keeper != nil {
		order(p.keeper)
	}
}

// started reports whether there is a process to wait for.
func (p *process) started() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keeper != nil
}

// pids returns the process ids of keeper and plugin; it waits for the latter.
func (p *process) pids(ctx context.Context) (keeperPID, pluginPID int, err error) {
	p.mu.Lock()
	k := p.keeper
	p.mu.Unlock()
	if k == nil {
		return 0, 0, errors.New("not started")
	}
	pluginPID, err = k.PluginPID(ctx)
	return k.PID(), pluginPID, err
}

// exit says how the plugin ended, with its last words; call it after ended.
func (p *process) exit() (exit keeper.Exit, words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keeper != nil {
		exit = p.keeper.Exit()
	}
	return exit, p.lines.last()
}

// greeting is the first line of stdout, which may be empty, and whether there was
// one.
func (p *process) greeting() (line string, wrote bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.greeted, p.wrote
}

// isHandshake reports whether a line has the form of go-plugin's handshake:
// CORE-PROTOCOL|APP-PROTOCOL|NETWORK|ADDRESS|….
func isHandshake(line string) bool {
	core, rest, _ := strings.Cut(line, "|")
	_, err := strconv.Atoi(core)
	return err == nil && strings.Count(rest, "|") >= 2
}

// certified takes the line for itself if it is the first and one with a certificate.
func (p *process) certified(line string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trusted != "" || !wire.IsCertificateLine(line) {
		return false
	}
	p.trusted = line
	return true
}

// native reports whether the plugin is built with go-plugin's library, rather
// than in another language: it has given a certificate for mutual TLS then, in a line
// of its own or as the sixth part of the handshake, and go-plugin's own call ends the
// process.
func (p *process) native() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	parts := strings.Split(p.greeted, "|")
	return p.trusted != "" || len(parts) >= 6 && parts[5] != ""
}

// authenticate has the connection trust the plugin's certificate alone. A plugin that
// has given none is spoken to without TLS: the socket lies in a directory that no other
// user can enter. Call it after the handshake, of which go-plugin has taken over a
// certificate.
func (p *process) authenticate(config *plugin.ClientConfig) error {
	p.mu.Lock()
	line := p.trusted
	p.mu.Unlock()
	switch {
	case line != "":
		pool, err := wire.ParseCertificateLine(line)
		if err != nil {
			return err
		}
		config.TLSConfig.RootCAs = pool
	case !p.native():
		config.TLSConfig = nil
	}
	return nil
}

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.handshake }

// Stderr implements runner.Runner. go-plugin's own reader of log lines can be
// made to panic by a plugin (hashicorp/go-plugin:log_entry.go@v1.8.0), so it
// gets nothing to read.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements runner.Runner.
func (p *process) Name() string { return p.command.Argv[0] }

// ID implements runner.Runner.
func (p *process) ID() string { return p.stage }

// Diagnose implements runner.Runner.
func (p *process) Diagnose(context.Context) string { return p.lines.last() }

// PluginToHost implements runner.Runner: both sides see the same files.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
