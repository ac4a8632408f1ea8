package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Version is the version of an ere-server.
type Version struct{ Major, Minor, Patch int }

// The versions that the client knows.
var (
	Oldest = Version{0, 9, 0}
	Newest = Version{0, 16, 2}
)

// ParseVersion reads a version such as 0.16.2.
func ParseVersion(text string) (v Version, err error) {
	numbers, _, _ := strings.Cut(strings.TrimPrefix(text, "v"), "-")
	parts := strings.Split(numbers, ".")
	if len(parts) != 3 {
		return v, fmt.Errorf("%q is no version of ere-server: want for example %v", text, Newest)
	}
	for i, field := range []*int{&v.Major, &v.Minor, &v.Patch} {
		if *field, err = strconv.Atoi(parts[i]); err != nil || *field < 0 {
			return v, fmt.Errorf("%q is no version of ere-server: want for example %v", text, Newest)
		}
	}
	return v, nil
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Before compares the first two parts.
func (v Version) Before(major, minor int) bool {
	return v.Major < major || v.Major == major && v.Minor < minor
}

// Newer reports whether the version is none that the client knows, but a later one.
func (v Version) Newer() bool { return !v.Before(Newest.Major, Newest.Minor+1) }

// FramesInput reports whether the server puts the length before the input itself, as
// it does from 0.11 on. Before, the client does.
func (v Version) FramesInput() bool { return !v.Before(0, 11) }

// Identity is what a server is.
type Identity struct {
	Ere       Version
	ZKVM      string // zisk, sp1, openvm, risc0, airbender
	SDK       string // the zkVM's version
	ProgramVK []byte // the key of the guest; nil from a server before 0.11, which cannot tell it
}

// ErrStuck: the running proof takes longer than the limit that the server was started
// with.
var ErrStuck = errors.New("the server says that its proof takes longer than its own limit (--prove-timeout-ms)")

// Health asks whether the server answers. The error is ErrStuck where it says so
// itself, which ends with the proof.
func (s *Server) Health(ctx context.Context) error {
	_, err := s.get(ctx, "/health")
	if status, ok := errors.AsType[*HTTPError](err); ok && status.Status == http.StatusServiceUnavailable {
		return ErrStuck
	}
	return err
}

// Identify asks the server what it is. A restarted server can be another one.
func (s *Server) Identify(ctx context.Context) (Identity, error) {
	page, err := s.get(ctx, "/metrics")
	if err != nil {
		return Identity{}, err
	}
	id, err := parseInfo(page)
	if err != nil {
		return id, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	id.ProgramVK, err = s.programVK(ctx)
	return id, err
}

// infoMetric is the metric whose labels say what a server is.
const infoMetric = "ere_server_info"

// label is one label of a line of metrics: a name and a quoted value, in which \\, \"
// and \n stand for what they stand for in Go.
// Source: prometheus/docs:content/docs/instrumenting/exposition_formats.md.
var label = regexp.MustCompile(`([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"`)

// parseInfo finds the one line of infoMetric in a page of metrics.
func parseInfo(page []byte) (id Identity, err error) {
	var found []string
	for line := range strings.Lines(string(page)) {
		if labels, ok := strings.CutPrefix(strings.TrimSpace(line), infoMetric+"{"); ok {
			found = append(found, labels)
		}
	}
	if len(found) != 1 {
		return id, fmt.Errorf("the page of metrics has %d lines of %s, want one: another service, or an ere-server before 0.8", len(found), infoMetric)
	}
	for _, match := range label.FindAllStringSubmatch(found[0], -1) {
		value, err := strconv.Unquote(`"` + match[2] + `"`)
		if err != nil {
			return id, fmt.Errorf("%s: the label %s cannot be read", infoMetric, match[1])
		}
		switch match[1] {
		case "version":
			if id.Ere, err = ParseVersion(value); err != nil {
				return id, err
			}
		case "zkvm_name":
			id.ZKVM = value
		case "zkvm_sdk_version":
			id.SDK = value
		}
	}
	if id.Ere == (Version{}) || id.ZKVM == "" {
		return id, fmt.Errorf("%s does not name version and zkVM", infoMetric)
	}
	return id, nil
}
