package process

import (
	"sync"
	"syscall"
)

// group is the process group of a tool. It may be signalled only while its number is
// reserved, which is from the tool's start until it is reaped.
type group struct {
	mu     sync.Mutex
	leader int // 0 before the start and after release
}

func (g *group) lead(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leader = pid
}

// release ends all signalling, because another process may get the number from now on.
func (g *group) release() { g.lead(0) }

// with calls f if the number is reserved. The number stays reserved until f returns.
func (g *group) with(f func(leader int)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leader != 0 {
		f(g.leader)
	}
}

func (g *group) signal(signals ...syscall.Signal) {
	g.with(func(leader int) {
		for _, s := range signals {
			_ = syscall.Kill(-leader, s)
		}
	})
}
