// Command stateless-guest is the stand-in of the test double of cargo-zisk for the guest
// programs of the SSZ StatelessInput; see double.GuestProgram. It reads its input with the
// builder's strict decoder, and computes the public values as in
// ethereum/execution-specs:src/ethereum/forks/amsterdam/stateless_guest.py@c1200883,
// without executing the block. The builder's tests compare both with upstream's vectors.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
)

func main() {
	file, err := io.ReadAll(os.Stdin)
	if err == nil && len(os.Args) == 2 {
		_, err = os.Stdout.Write(committed(double.Guest(os.Args[1]), file))
	}
	if err != nil || len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: stateless-guest KIND < INPUT", err)
		os.Exit(2)
	}
}

// committed returns the public values of a guest for an input file, zeros if it cannot be
// decoded.
func committed(kind double.Guest, file []byte) []byte {
	result := guest.ValidationResult{}
	if in, err := decode(file); err == nil {
		result = in.Output()
		result.Success = kind == double.Stateless
	}
	values := result.Encode()
	return values[:]
}

// decode decodes a framed input.
func decode(file []byte) (*input.Input, error) {
	data, err := guest.Unframe(file)
	if err != nil {
		return nil, err
	}
	dialect, err := input.Detect(data)
	if err != nil {
		return nil, err
	}
	return input.Decode(data, dialect)
}
