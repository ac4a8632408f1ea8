package zisk

import (
	"fmt"
	"regexp"
	"strconv"
)

// HasServer reports whether the version has `cargo-zisk server`, which stays loaded
// between proofs. 0.14 and 0.15 have it.
func (v Version) HasServer() bool { return v.hasFlag(func(f flags) string { return f.server }) }

// ServerCommand returns the arguments of a server for the request's program, which
// takes requests on the port. Input, output and the other options of `prove` belong to
// each request of the server.
// Source: 0xPolygonHermez/zisk:cli/src/commands/server.rs@v0.14.0, @v0.15.0.
func (v Version) ServerCommand(r Request, port int) ([]string, error) {
	family, err := v.Family()
	if err != nil {
		return nil, err
	}
	f := families[family]
	if f.server == "" {
		return nil, fmt.Errorf("ZisK %v has no server that stays loaded between proofs; 0.14 and 0.15 have one", v)
	}
	if r.Action != Prove {
		return nil, fmt.Errorf("the server of ZisK %v does not %s", v, r.Action)
	}
	b := builder{version: v, args: []string{f.server}}
	b.value("a port of the server", f.serverPort, strconv.Itoa(port))
	b.value("an ELF", f.elf, r.ELF)
	b.value("a proving key", f.provingKey, r.ProvingKey)
	b.flag("aggregation", f.aggregate)
	if r.Emulator {
		b.flag("the emulator", f.emulator)
	} else {
		if r.Unlock {
			b.flag("unlocked memory", f.unlock)
		}
		if r.Port != 0 {
			b.value("a base port", f.serverBase, strconv.Itoa(r.Port))
		}
	}
	b.args = append(b.args, r.Extra...)
	return b.args, b.err
}

var (
	readyPattern   = regexp.MustCompile(`^ZisK Server waiting for requests on port \d+`)
	requestPattern = regexp.MustCompile(`^Received '\w+' request`)
	panicPattern   = regexp.MustCompile(`^thread '.*' .*panicked at `)
)

// IsReady reports whether the line means that the server is ready for a request.
func IsReady(line string) bool { return readyPattern.MatchString(Text(line)) }

// IsRequest reports whether the line means only that the server received a request or
// waits for one. Such a line shows no progress of a proof.
// Source: 0xPolygonHermez/zisk:server/src/zisk_service.rs@v0.14.0, @v0.15.0.
func IsRequest(line string) bool {
	text := Text(line)
	return requestPattern.MatchString(text) || readyPattern.MatchString(text)
}

// IsPanic reports whether the line is the first of a panic.
func IsPanic(line string) bool { return panicPattern.MatchString(Text(line)) }
