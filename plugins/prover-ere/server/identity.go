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

// The oldest and the newest version that the client supports.
var (
	Oldest = Version{0, 9, 0}
	Newest = Version{0, 16, 2}
)

// ParseVersion parses a version such as 0.16.2. It ignores a leading v and a suffix
// after a hyphen.
func ParseVersion(text string) (v Version, err error) {
	numbers, _, _ := strings.Cut(strings.TrimPrefix(text, "v"), "-")
	parts := strings.Split(numbers, ".")
	if len(parts) != 3 {
		return v, fmt.Errorf("%q is not a version of ere-server: want for example %v", text, Newest)
	}
	for i, field := range []*int{&v.Major, &v.Minor, &v.Patch} {
		if *field, err = strconv.Atoi(parts[i]); err != nil || *field < 0 {
			return v, fmt.Errorf("%q is not a version of ere-server: want for example %v", text, Newest)
		}
	}
	return v, nil
}

// String returns the version in the form that ParseVersion reads.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Before reports whether the version is older than major.minor. It ignores Patch.
func (v Version) Before(major, minor int) bool {
	return v.Major < major || v.Major == major && v.Minor < minor
}

// Newer reports whether the version is later than Newest. It ignores Patch.
func (v Version) Newer() bool { return !v.Before(Newest.Major, Newest.Minor+1) }

// FramesInput reports whether the server adds the length before the input, as servers
// from 0.11 on do. For an older server the client must add it.
func (v Version) FramesInput() bool { return !v.Before(0, 11) }

// Identity describes the process at a server's address.
type Identity struct {
	Ere       Version
	ZKVM      string // zisk, sp1, openvm, risc0 or airbender
	SDK       string // version of the zkVM
	ProgramVK []byte // verification key of the guest; nil for a server before 0.11, which does not report it
}

// ErrStuck is returned by Health while the running proof takes longer than the limit that
// the server was started with.
var ErrStuck = errors.New("the server says that its proof takes longer than its own limit (--prove-timeout-ms)")

// Health returns nil if the server answers a probe. It returns ErrStuck, until the proof
// ends, if the server reports that its proof exceeds the limit.
func (s *Server) Health(ctx context.Context) error {
	_, err := s.get(ctx, "/health")
	if status, ok := errors.AsType[*HTTPError](err); ok && status.Status == http.StatusServiceUnavailable {
		return ErrStuck
	}
	return err
}

// Identify reads the identity of the server. It may change when the server restarts.
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

// infoMetric is the metric whose labels contain the identity of a server.
const infoMetric = "ere_server_info"

// label matches one label of a line of metrics: a name and a quoted value with the
// escapes \\, \" and \n, which mean the same in Go.
// Source: prometheus/docs:content/docs/instrumenting/exposition_formats.md.
var label = regexp.MustCompile(`([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"`)

// parseInfo returns the identity in the only line of infoMetric on a page of metrics.
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
