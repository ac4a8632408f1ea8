package ethproofs

import "github.com/proofline/proofline/plugins/internal/secret"

// ParseKey returns a key that can stand in a header, without the white space around
// it. The error never holds the key.
func ParseKey(raw string) (string, error) { return secret.Clean("the key", raw) }
