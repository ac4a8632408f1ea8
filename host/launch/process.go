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
	lockWait     = 10 * time.Second // how long the keeper waits for a busy instance lock
	maxHandshake = 16 << 10         // bytes; a handshake contains a certificate of about 1 KiB
)

// process is the process tree of a plugin, with its output. It implements go-plugin's
// runner.Runner. go-plugin reads only the handshake line of its stdout.
type process struct {
	stage           string
	command         keeper.Command
	lines           *lineLog
	handshakeReader *io.PipeReader
	handshakeWriter *io.PipeWriter

	mu              sync.Mutex
	keeper          *keeper.Process // nil before Start
	stopped         bool            // Start fails from now on
	hasFirstLine    bool            // stdoutLine was read
	stdoutLine      string          // the first line of stdout after the certificate, shortened
	certificateLine string          // empty if there is none

	ended chan struct{} // closed when the tree has ended and its output was read
}

// newProcess returns the process of a stage, which is not started.
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
		lines: lines, handshakeReader: r, handshakeWriter: w, ended: make(chan struct{}),
	}
}

// setEnv sets the environment. Call it before Start.
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

// watch reads the pipes to their end and closes them. It closes p.ended last.
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

// readStdout passes the handshake line to go-plugin. This is the first line, or the
// second one if the first is a certificate. Further lines are not allowed and are
// logged. They do not clear a panic that was read from stderr at the same time.
func (p *process) readStdout(stdout io.Reader) {
	defer p.handshakeWriter.Close()
	handshakeRead := false
	eachLine(stdout, func(line []byte) {
		if handshakeRead {
			p.lines.read(line)
			return
		}
		if p.takeCertificate(string(line)) {
			return
		}
		handshakeRead = true
		p.mu.Lock()
		p.hasFirstLine, p.stdoutLine = true, shorten(string(line))
		p.mu.Unlock()
		// go-plugin's scanner stops reading at a line of 64 KiB.
		_, _ = fmt.Fprintf(p.handshakeWriter, "%s\n", line[:min(len(line), maxHandshake)])
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

// Kill implements runner.Runner. It asks the keeper to end the tree, with grace, and
// does not wait. The keeper itself is never killed.
func (p *process) Kill(context.Context) error {
	p.order((*keeper.Process).Stop)
	return nil
}

// killNow asks the keeper to end the tree without grace.
func (p *process) killNow() { p.order((*keeper.Process).Kill) }

func (p *process) order(order func(*keeper.Process)) {
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

// pids returns the process ids of keeper and plugin. It waits until the plugin's is
// known.
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

// exit returns how the plugin ended and the last lines that it wrote. Call it after
// p.ended is closed.
func (p *process) exit() (exit keeper.Exit, lastLines string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keeper != nil {
		exit = p.keeper.Exit()
	}
	return exit, p.lines.exitReason()
}

// firstLine returns the first line of stdout after the certificate, shortened. The line
// may be empty. The result is false if there was none.
func (p *process) firstLine() (line string, wrote bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdoutLine, p.hasFirstLine
}

// isHandshake reports whether a line has the form of go-plugin's handshake:
// CORE-PROTOCOL|APP-PROTOCOL|NETWORK|ADDRESS|….
func isHandshake(line string) bool {
	core, rest, _ := strings.Cut(line, "|")
	_, err := strconv.Atoi(core)
	return err == nil && strings.Count(rest, "|") >= 2
}

// takeCertificate stores the line and returns true if it is the first one with a
// certificate.
func (p *process) takeCertificate(line string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.certificateLine != "" || !wire.IsCertificateLine(line) {
		return false
	}
	p.certificateLine = line
	return true
}

// usesGoPlugin reports whether the plugin is built with the go-plugin library. Such a
// plugin sends a certificate for mutual TLS, in a line of its own or as the sixth part
// of the handshake. Only such a plugin has go-plugin's call that ends the process.
func (p *process) usesGoPlugin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	parts := strings.Split(p.stdoutLine, "|")
	return p.certificateLine != "" || len(parts) >= 6 && parts[5] != ""
}

// authenticate makes the connection trust only the plugin's certificate. For a plugin
// without one it disables TLS; the socket lies in a directory that no other user can
// enter. Call it after the handshake. go-plugin itself uses a certificate that is a
// part of the handshake line.
func (p *process) authenticate(config *plugin.ClientConfig) error {
	p.mu.Lock()
	line := p.certificateLine
	p.mu.Unlock()
	switch {
	case line != "":
		pool, err := wire.ParseCertificateLine(line)
		if err != nil {
			return err
		}
		config.TLSConfig.RootCAs = pool
	case !p.usesGoPlugin():
		config.TLSConfig = nil
	}
	return nil
}

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.handshakeReader }

// Stderr implements runner.Runner. It returns an empty reader, because a plugin can
// make go-plugin's reader of log lines panic (hashicorp/go-plugin:log_entry.go@v1.8.0).
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements runner.Runner.
func (p *process) Name() string { return p.command.Argv[0] }

// ID implements runner.Runner.
func (p *process) ID() string { return p.stage }

// Diagnose implements runner.Runner.
func (p *process) Diagnose(context.Context) string { return p.lines.exitReason() }

// PluginToHost implements runner.Runner. Both sides see the same files.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
