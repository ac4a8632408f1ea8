package zisk

import (
	"fmt"
	"regexp"
	"strconv"
)

// HasServer reports whether the version can stay loaded between proofs, as
// `cargo-zisk server`: 0.14 and 0.15 can.
func (v Version) HasServer() bool { return v.can(func(f flags) string { return f.server }) }

// ServerCommand returns the arguments of a server for the request's program that
// takes requests on the port. Input, output and what `prove` takes beside them
// go into each request.
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
	waitingPattern = regexp.MustCompile(`^ZisK Server waiting for requests on port \d+`)
	askedPattern   = regexp.MustCompile(`^Received '\w+' request`)
	panicPattern   = regexp.MustCompile(`^thread '.*' .*panicked at `)
)

// Waiting reports whether the line says that the server is ready for a request.
func Waiting(line string) bool { return waitingPattern.MatchString(Text(line)) }

// Asked reports whether the line only says that the server was asked something:
// it is no sign that a proof goes on.
// Source: 0xPolygonHermez/zisk:server/src/zisk_service.rs@v0.14.0, @v0.15.0.
func Asked(line string) bool {
	text := Text(line)
	return askedPattern.MatchString(text) || waitingPattern.MatchString(text)
}

// Panicked reports whether the line begins the message of a panic.
func Panicked(line string) bool { return panicPattern.MatchString(Text(line)) }
