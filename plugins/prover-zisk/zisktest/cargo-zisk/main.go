// Command cargo-zisk is a test double of ZisK's tool; see package double. Under
// the name nvidia-smi it answers for the cards.
package main

import (
	"os"

	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
)

func main() { os.Exit(double.Main(os.Args)) }
