// Package pythonprover holds the source of a prover in Python: an example, and the
// template of "proofline new plugin --lang python".
package pythonprover

import _ "embed"

// Source is the plugin, one executable file. It looks for the .proto files of the
// protocol in the folder proto beside it.
//
//go:embed prover-python
var Source []byte

// Name is the plugin's name, wherever it occurs in Source.
const Name = "prover-python"
