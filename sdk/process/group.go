package process

import (
	"sync"
	"syscall"
)

// group is the process group of a tool for as long as its number is reserved:
// between the start and the reaping.
type group struct {
	mu     sync.Mutex
	leader int // 0 before the start and after release
}

func (g *group) lead(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leader = pid
}

// release ends all signalling: from now on the number may be somebody else's.
func (g *group) release() { g.lead(0) }

// with calls f while the number is reserved, and not at all otherwise.
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
