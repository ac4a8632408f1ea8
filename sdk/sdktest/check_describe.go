package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

func describeStable(ctx context.Context, r *run) error {
	for range 2 {
		i, err := r.start(ctx)
		if err != nil {
			return err
		}
		defer i.stop()
		for range 2 {
			m, err := i.Describe(ctx)
			if err != nil {
				return err
			}
			if !reflect.DeepEqual(m, r.manifest) {
				return fmt.Errorf("it was %+v and is %+v", r.manifest, m)
			}
		}
	}
	return nil
}

var (
	nameForm    = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	versionForm = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

func describeComplete(_ context.Context, r *run) error {
	var problems []error
	if !nameForm.MatchString(r.manifest.Name) {
		problems = append(problems, fmt.Errorf("the name %q is not lower-case words with hyphens", r.manifest.Name))
	}
	if !versionForm.MatchString(r.manifest.Version) {
		problems = append(problems, fmt.Errorf("the version %q is not semantic, such as 1.2.3", r.manifest.Version))
	}
	if strings.TrimSpace(r.manifest.Summary) == "" {
		problems = append(problems, errors.New("there is no summary"))
	}
	if r.manifest.Kind == contract.KindReporter && len(r.manifest.Events) == 0 {
		problems = append(problems, errors.New("it is a reporter and names no kind of event, so that it is handed none"))
	}
	return errors.Join(problems...)
}

// byHand starts the binary as a tool, in a directory of its own, and waits for its end.
func byHand(ctx context.Context, r *run, args ...string) (stdout, stderr string, code int, err error) {
	b, ok := r.suite.Target.(binary)
	if !ok {
		return "", "", 0, skip{"it needs a binary"}
	}
	dir, err := r.folder("tool")
	if err != nil {
		return "", "", 0, err
	}
	cmd, _, err := b.command(place{work: dir, home: dir, temp: dir}, false, args...)
	if err != nil {
		return "", "", 0, err
	}
	var out, log Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Start(); err != nil {
		return "", "", 0, err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // the state is in cmd.ProcessState
	select {
	case <-ended:
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-ended
		return "", "", 0, fmt.Errorf("it does not end: %w", ctx.Err())
	}
	return out.String(), log.String(), cmd.ProcessState.ExitCode(), nil
}

func toolDescribe(ctx context.Context, r *run) error {
	stdout, stderr, code, err := byHand(ctx, r, "describe")
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("exit code %d: %s", code, stderr)
	}
	var m contract.Manifest
	if err := json.Unmarshal([]byte(stdout), &m); err != nil {
		return fmt.Errorf("%w in %s", err, stdout)
	}
	if m.Name != r.manifest.Name || m.Kind != r.manifest.Kind || m.Version != r.manifest.Version {
		return fmt.Errorf("%s %s %s by hand, %s %s %s by gRPC", m.Kind, m.Name, m.Version, r.manifest.Kind, r.manifest.Name, r.manifest.Version)
	}
	return nil
}

func toolHelp(ctx context.Context, r *run) error {
	stdout, stderr, code, err := byHand(ctx, r)
	switch {
	case err != nil:
		return err
	case code == 0:
		return errors.New("the exit code is 0")
	case len(strings.TrimSpace(stdout+stderr)) < 40:
		return fmt.Errorf("the help is too short: %q", stdout+stderr)
	}
	return nil
}

func handshakeOnly(ctx context.Context, r *run) error {
	if _, ok := r.suite.Target.(binary); !ok {
		return skip{"it needs a binary"}
	}
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	_, workErr := r.work(ctx, i)
	i.stop()
	if extra := i.stdout.extra(); extra != "" {
		return fmt.Errorf("after the handshake comes %.200q", extra)
	}
	if n := i.log.longestLine(); n > 64<<10 {
		return fmt.Errorf("standard error has a line of %d bytes: hosts read up to 65536", n)
	}
	return workErr
}
