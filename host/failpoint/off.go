//go:build !failpoints

package failpoint

import "time"

// Hit does nothing.
func Hit(string) {}

// Period returns the default.
func Period(_ string, otherwise time.Duration) time.Duration { return otherwise }
