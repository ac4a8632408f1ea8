//go:build !linux

package contract

var _ = proofline_runs_on_Linux_only // building for another system ends with this line
