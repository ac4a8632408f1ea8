package verify

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// each calls f for the numbers below n on as many goroutines as there are processors.
// Every goroutine has a verification of its own, with its own hash functions and
// scratch memory; their counts are added up. The error is that of the lowest number with
// an error, whatever the order in which the goroutines run.
func (v *verification) each(n int, f func(v *verification, i int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			if err := f(v, i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, n)
	var next atomic.Int64
	var group sync.WaitGroup
	forks := make([]*verification, workers)
	for i := range forks {
		fork := v.fork()
		forks[i] = fork
		group.Go(func() {
			// The numbers are taken in ascending order. When a goroutine stops at a number,
			// all lower numbers are done or being worked on by others.
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if errs[i] = f(fork, i); errs[i] != nil {
					return
				}
				runtime.Gosched() // what else the process does takes no time, and would wait for 10 ms
			}
		})
	}
	group.Wait()
	for _, fork := range forks {
		v.join(fork)
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// fork returns a verification for another goroutine. It shares the data that is only read.
func (v *verification) fork() *verification {
	w := *v
	w.leaf, w.node, w.row = v.leaf.fork(), v.node.fork(), nil
	return &w
}

// join adds the counts of a fork.
func (v *verification) join(fork *verification) {
	v.leaf.calls += fork.leaf.calls
	v.node.calls += fork.node.calls
}
