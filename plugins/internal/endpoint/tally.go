// Package endpoint counts the calls that a plugin makes to the services it depends on,
// for its answers about health (contract.Endpoint).
package endpoint

import (
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Tally counts the calls to one endpoint. The zero value is ready; it is safe for
// concurrent use.
type Tally struct {
	mu            sync.Mutex
	calls, failed uint64
	time          time.Duration
}

// Ended counts a call that has ended. Calls that the plugin has called off itself are
// not counted.
func (t *Tally) Ended(took time.Duration, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	t.time += max(0, took)
	if failed {
		t.failed++
	}
}

// Refused counts a call as failed that was counted as one that went well: what it
// brought is no good.
func (t *Tally) Refused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = min(t.failed+1, t.calls)
}

// Endpoint describes the endpoint. why says why it is not usable, and is empty where
// it is.
func (t *Tally) Endpoint(name, why string) contract.Endpoint {
	t.mu.Lock()
	defer t.mu.Unlock()
	return contract.Endpoint{Name: name, Usable: why == "", Detail: why, Calls: t.calls, Failed: t.failed, Time: t.time}
}
