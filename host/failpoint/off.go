//go:build !failpoints

package failpoint

import "time"

// Hit does nothing in a program without failpoints.
func Hit(string) {}

// Period returns the default in a program without failpoints.
func Period(_ string, fallback time.Duration) time.Duration { return fallback }
