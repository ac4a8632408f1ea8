// Package endpoint counts the calls that a plugin makes to the services it depends on.
// The plugin reports the counts as contract.Endpoint in its health.
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

// Ended counts a call that has ended. The caller must not count calls that it has
// cancelled itself.
func (t *Tally) Ended(took time.Duration, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	t.time += max(0, took)
	if failed {
		t.failed++
	}
}

// Refused counts a call as failed that was counted as successful before, because the
// data it returned were refused.
func (t *Tally) Refused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = min(t.failed+1, t.calls)
}

// Endpoint returns the counts together with the endpoint's name. detail is the reason
// why the endpoint is not usable, empty where it is usable.
func (t *Tally) Endpoint(name, detail string) contract.Endpoint {
	t.mu.Lock()
	defer t.mu.Unlock()
	return contract.Endpoint{Name: name, Usable: detail == "", Detail: detail, Calls: t.calls, Failed: t.failed, Time: t.time}
}
