package witnesstest

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// PeakHeap runs work and returns by how many bytes the objects on the heap grew at most,
// including garbage that is not collected yet. It samples the heap every half millisecond
// and leaves the garbage collector's settings unchanged.
func PeakHeap(work func()) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before := read()
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		peak := before
		for {
			peak = max(peak, read())
			select {
			case <-stop:
				done <- peak
				return
			case <-time.After(500 * time.Microsecond):
			}
		}
	}()
	work()
	close(stop)
	return max(<-done, before) - before
}
