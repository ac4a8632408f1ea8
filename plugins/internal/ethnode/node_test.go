package ethnode

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

func testNode(t *testing.T) *node {
	n, err := newNode(0, Endpoint{URL: "http://localhost:8545"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := testNode(t)
		ill := contract.Retryable(errors.New("internal error"))
		usable := func(want bool) {
			t.Helper()
			if err := n.usable(time.Now(), BlockData); (err == nil) != want {
				t.Fatalf("usable: %v", err)
			}
		}
		for range breakerFailures - 1 {
			n.calls.told(ill)
		}
		usable(true)
		n.calls.told(ill)
		usable(false)
		// Each failed trial doubles the time, up to the limit.
		for pause := breakerFirst; pause < 4*breakerMost; pause *= 2 {
			time.Sleep(min(pause, breakerMost) - time.Nanosecond)
			usable(false)
			time.Sleep(time.Nanosecond)
			usable(true)
			n.calls.told(ill)
			usable(false)
		}
		time.Sleep(breakerMost)
		n.calls.told(nil)
		usable(true)
		n.calls.told(ill)
		usable(true)
	})
}

func TestBreakerKeepsRateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := testNode(t)
		n.calls.told(limited(errors.New("HTTP 429"), 17*time.Second))
		time.Sleep(17*time.Second - time.Nanosecond)
		if n.usable(time.Now(), BlockData) == nil {
			t.Error("asked before the time that the endpoint named")
		}
		time.Sleep(time.Nanosecond)
		if err := n.usable(time.Now(), BlockData); err != nil {
			t.Error(err)
		}
	})
}

// What says nothing about a node's health does not change its rank.
func TestNodeIsNotBlamed(t *testing.T) {
	n := testNode(t)
	before := n.rank(BlockData)
	for _, err := range []error{
		fmt.Errorf("x: %w", ErrNotFound), contract.Permanent(fmt.Errorf("%w: %w", ErrOutsideWindow, ErrNoState)), contract.Retryable(ErrNoState),
		contract.Environment(fmt.Errorf("x: %w", ErrNoMethod), ""), fmt.Errorf("x: %w", errUnjudged), contract.Interrupted(errors.New("x")),
	} {
		for range breakerFailures {
			n.calls.told(err)
		}
		if n.rank(BlockData) != before || n.usable(time.Now(), BlockData) != nil {
			t.Errorf("%v: rank %v, %v", err, n.rank(BlockData), n.usable(time.Now(), BlockData))
		}
	}
	n.calls.told(contract.Retryable(errors.New("bad witness")))
	if n.rank(BlockData) >= before {
		t.Error("a bad witness did not count")
	}
}

func TestHedgeAfter(t *testing.T) {
	n := testNode(t)
	for range hedgeSamples - 1 {
		n.tookWitness(time.Second)
	}
	if d := n.hedgeAfter(); d != hedgeFirst {
		t.Errorf("with few samples: %v", d)
	}
	for i := range 100 { // only the last 64 count: 36 to 99 ms
		n.tookWitness(time.Duration(i) * time.Millisecond)
	}
	if d := n.hedgeAfter(); d != 96*time.Millisecond {
		t.Errorf("the 95th percentile of 36…99 ms is %v", d)
	}
}
