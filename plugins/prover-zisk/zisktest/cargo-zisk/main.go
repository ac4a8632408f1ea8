// Command cargo-zisk is a test double of ZisK's tool; see package double. Under the names
// ziskemu and nvidia-smi it is a double of these programs.
package main

import (
	"os"

	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
)

func main() { os.Exit(double.Main(os.Args)) }
