package catalog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

const (
	describeTimeout   = 10 * time.Second
	maxDescribeOutput = 4 << 20 // bytes

	// firstProtocol is the protocol of a plugin whose manifest states none.
	firstProtocol = 1
)

// describe runs "PATH describe", which prints the manifest as JSON. The program gets no
// configuration and only PATH and HOME of the environment.
func describe(path string) (contract.Manifest, error) {
	var m contract.Manifest
	ctx, cancel := context.WithTimeout(context.Background(), describeTimeout)
	defer cancel()
	stdout, stderr := cappedBuffer{limit: maxDescribeOutput}, cappedBuffer{limit: 64 << 10}
	cmd := exec.CommandContext(ctx, path, "describe")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %v", describeTimeout)
	case err != nil:
		if last := lastLine(stderr.kept.Bytes()); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
	case stdout.full:
		err = fmt.Errorf("it prints more than %d bytes", maxDescribeOutput)
	default:
		if err = json.Unmarshal(stdout.kept.Bytes(), &m); err != nil {
			err = fmt.Errorf("it prints no manifest: %w", err)
		} else {
			m.Protocol = cmp.Or(m.Protocol, firstProtocol)
			err = cmp.Or(checkManifest(filepath.Base(path), m), checkProtocol(m))
		}
	}
	if err == nil && len(m.Schema) == 0 {
		err = errors.New("its manifest has no config_schema")
	}
	if err != nil {
		return contract.Manifest{}, fmt.Errorf("ask plugin %s what it is (%q): %w", path, "describe", err)
	}
	return m, nil
}

// cappedBuffer keeps the first limit bytes that are written to it and drops the rest.
type cappedBuffer struct {
	kept  bytes.Buffer
	limit int
	full  bool // some bytes were dropped
}

func (c *cappedBuffer) Write(p []byte) (int, error) {
	room := c.limit - c.kept.Len()
	if len(p) > room {
		c.full = true
	}
	c.kept.Write(p[:min(room, len(p))])
	return len(p), nil
}

// lastLine returns the last line of a text, without surrounding space.
func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
