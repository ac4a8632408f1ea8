package ethproofs

import "github.com/proofline/proofline/plugins/internal/secret"

// ParseKey returns the key without the white space around it. A key that cannot be sent
// in a header is an error, which never contains the key.
func ParseKey(raw string) (string, error) { return secret.Clean("the key", raw) }
