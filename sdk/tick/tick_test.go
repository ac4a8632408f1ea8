package tick

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTogether: what began at different times happens at the same instants, once for each.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		seen := map[time.Duration]int{}
		counted := make(chan time.Duration)
		for late := range 10 {
			go func() {
				time.Sleep(time.Duration(late) * 97 * time.Millisecond)
				for range 20 {
					<-At(time.Second)
					counted <- time.Since(began)
				}
			}()
		}
		for range 200 {
			seen[<-counted]++
		}
		for at, n := range seen {
			if at%time.Second != 0 || n > 10 || at > 2*time.Second && at <= 20*time.Second && n != 10 {
				t.Errorf("%d at %v", n, at)
			}
		}
	})
}

func TestAlmostNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(4950 * time.Millisecond)
		if got := Until(time.Now(), 5*time.Second); got != 50*time.Millisecond+5*time.Second {
			t.Error(got)
		}
		if got := Until(time.Now(), 100*time.Millisecond); got != 50*time.Millisecond {
			t.Error(got)
		}
	})
}
