package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// lines is a log that counts its lines by level and message.
type lines struct {
	mu  sync.Mutex
	all map[string]int
}

func newLines() (*lines, *slog.Logger) {
	l := &lines{all: map[string]int{}}
	return l, slog.New(l)
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[r.Level.String()+" "+r.Message]++
	return nil
}

func TestProofsFirst(t *testing.T) {
	store := fill(t, []uint64{1, 2, 3}, contract.EventQueued)
	add(t, store, contract.EventProving, 4)
	add(t, store, contract.EventProved, 5, 6)
	synctest.Test(t, func(t *testing.T) {
		d := &desk{slow: time.Second}
		deliver(t, store, d, 1, time.Minute)
		want := []string{"5 proved", "6 proved", "4 proving", "1 queued", "2 queued", "3 queued"}
		if seen := d.events(); !slices.Equal(seen, want) {
			t.Errorf("%v, want %v", seen, want)
		}
	})
}

// TestProofDoesNotWaitForItsOwnQueued checks that a proof is delivered at once while the
// endpoint of the first phase answers 500.
func TestProofDoesNotWaitForItsOwnQueued(t *testing.T) {
	store := fill(t, []uint64{1}, contract.EventQueued)
	synctest.Test(t, func(t *testing.T) {
		var proved time.Time
		d := &desk{answer: func(e contract.Event) error {
			if e.Kind == contract.EventProved {
				proved = time.Now()
				return nil
			}
			return errors.New("500")
		}}
		s, stop := start(t, Config{}, store, noFiles{}, d)
		time.Sleep(2 * time.Hour) // the next try of queued is minutes away
		add(t, store, contract.EventProving, 1)
		add(t, store, contract.EventProved, 1)
		begin := time.Now()
		s.Wake()
		time.Sleep(time.Hour)
		stop()
		if took := proved.Sub(begin); took != 0 || slices.Contains(d.events(), "1 proving") {
			t.Errorf("delivered after %s: %v", took, d.events())
		}
	})
	reports, _ := store.Reports(idOf(1))
	states := []string{}
	for _, r := range reports {
		states = append(states, r.State)
	}
	if !slices.Equal(states, []string{"superseded", "superseded", "sent"}) {
		t.Errorf("reports %+v", reports)
	}
}

// TestHangingPhaseIsOvertaken checks that a request which hangs is cancelled after 5 s when
// a later phase is due, and not before.
func TestHangingPhaseIsOvertaken(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{time.Second: 4 * time.Second, 20 * time.Second: 0} {
		store := fill(t, []uint64{1}, contract.EventQueued)
		synctest.Test(t, func(t *testing.T) {
			d := &hanging{}
			s, stop := start(t, Config{Concurrency: 2}, store, noFiles{}, d)
			time.Sleep(wait)
			add(t, store, contract.EventProved, 1)
			begin := time.Now()
			s.Wake()
			time.Sleep(10 * time.Second)
			stop()
			if took := d.proved.Sub(begin); took != want {
				t.Errorf("proved %s after it was due, %s after the first try began; want %s", took, wait+took, want)
			}
		})
		if left, _ := store.Outbox("r"); len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
	}
}

// hanging is a reporter that answers only to proofs.
type hanging struct{ proved time.Time }

func (*hanging) Ready(ctx context.Context) error { return ctx.Err() }

func (h *hanging) Report(ctx context.Context, e contract.Event, _ func(contract.WorkEvent) error) (contract.Result, error) {
	if e.Kind == contract.EventProved {
		h.proved = time.Now()
		return contract.Result{}, nil
	}
	<-ctx.Done()
	return contract.Result{}, context.Cause(ctx)
}

// TestEverythingIsDueAfterAnOutage checks that the first success after hours makes all
// events due that were postponed, proofs first, and that an event which fails again keeps
// its own back-off.
func TestEverythingIsDueAfterAnOutage(t *testing.T) {
	store := fill(t, []uint64{1, 2, 3, 4, 99}, contract.EventQueued)
	add(t, store, contract.EventProved, 5, 6)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		const outage = 3 * time.Hour
		poison := 0
		var delivered []string
		d := &desk{}
		d.answer = func(e contract.Event) error {
			switch {
			case time.Since(begin) < outage:
				return errors.New("502")
			case e.Block.Number == 99:
				poison++
				return errors.New("500 for this one alone")
			}
			delivered = append(delivered, fmt.Sprintf("%d %s", e.Block.Number, e.Kind))
			return nil
		}
		s, stop := start(t, Config{Concurrency: 1}, store, noFiles{}, d)
		time.Sleep(outage)
		add(t, store, contract.EventQueued, 7) // a new one, after the outage
		s.Wake()
		time.Sleep(time.Second)
		want := []string{"7 queued", "5 proved", "6 proved", "1 queued", "2 queued", "3 queued", "4 queued"}
		if !slices.Equal(delivered, want) {
			t.Errorf("a second after the first success: %v, want %v", delivered, want)
		}
		if poison > 2 {
			t.Errorf("%d tries of the event that fails by itself", poison)
		}
		for n := range uint64(50) {
			add(t, store, contract.EventQueued, 100+n)
			s.Wake()
			time.Sleep(time.Second)
		}
		if poison > 3 {
			t.Errorf("every success has tried the failing event again, %d times", poison)
		}
		stop()
	})
}

func TestAskedForWaitHasALimit(t *testing.T) {
	store := fill(t, []uint64{1}, contract.EventQueued)
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		d.answer = func(contract.Event) error {
			if len(d.events()) == 1 {
				return contract.RetryAfter(errors.New("429"), 8760*time.Hour)
			}
			return nil
		}
		deliver(t, store, d, 1, 2*time.Hour)
		if len(d.at) != 2 || d.at[1].Sub(d.at[0]) != time.Hour {
			t.Errorf("tries at %v, want an hour between", d.at)
		}
	})
}

// TestClockSetBack checks that a try is made within the hour when the clock was set back by
// a year after its time was recorded.
func TestClockSetBack(t *testing.T) {
	store := fill(t, []uint64{1}, contract.EventQueued)
	if _, _, err := store.Try("r", 1, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := store.Defer("r", 1, time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC), "503"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		deliver(t, store, d, 1, time.Hour+time.Minute)
		if len(d.events()) != 1 {
			t.Errorf("tries %v", d.events())
		}
	})
}

// TestEnvironmentIsLoggedOnce checks that a wrong key pauses the reporter and is logged
// once for 20 events. After the pause one event is tried, and then all.
func TestEnvironmentIsLoggedOnce(t *testing.T) {
	store := fill(t, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, contract.EventQueued, contract.EventProved)
	synctest.Test(t, func(t *testing.T) {
		log, logger := newLines()
		wrong := true
		d := &desk{slow: time.Second}
		d.answer = func(contract.Event) error {
			if wrong {
				return contract.Environment(errors.New("401 Invalid API key"), "set ETHPROOFS_API_KEY")
			}
			return nil
		}
		s, stop := start(t, Config{Concurrency: 4, Log: logger}, store, noFiles{}, d)
		time.Sleep(2 * time.Minute)
		// 4 at once at first, then one after 1, 2, 4, … s.
		if n := len(d.events()); n < 5 || n > 12 || s.State().Paused == "" {
			t.Errorf("%d tries in two minutes with a wrong key, paused %q", n, s.State().Paused)
		}
		if after := d.at[4].Sub(d.at[0]); after > 2*time.Second {
			t.Errorf("tried again %s after the first, want the 1 s of the try and a first pause of 1 s", after)
		}
		wrong = false
		time.Sleep(5 * time.Minute)
		stop()
		if state := s.State(); state.Sent != 10 || state.Paused != "" {
			t.Errorf("%+v", state)
		}
		want := map[string]int{"WARN reporter is paused": 1, "INFO reporter works again": 1}
		for line, n := range log.all {
			if n != want[line] {
				t.Errorf("%d × %s", n, line)
			}
		}
	})
}

// counting is a Store that counts the events that it returns and can refuse to settle.
type counting struct {
	*checkpoint.Store
	read    int
	refuses bool
}

func (c *counting) OutboxSince(reporter string, after uint64) ([]record.Event, error) {
	events, err := c.Store.OutboxSince(reporter, after)
	c.read += len(events)
	return events, err
}

func (c *counting) Settle(reporter string, seq uint64, end record.Settlement) error {
	if c.refuses {
		return errors.New("no space left on device")
	}
	return c.Store.Settle(reporter, seq, end)
}

// TestEveryEventIsReadOnce checks that refreshing often does not read an event again.
func TestEveryEventIsReadOnce(t *testing.T) {
	store := &counting{Store: fill(t, nil)}
	synctest.Test(t, func(t *testing.T) {
		s, stop := start(t, Config{Concurrency: 8}, store, noFiles{}, &desk{slow: time.Second})
		for n := range uint64(40) {
			add(t, store.Store, contract.EventQueued, 1+n, 101+n)
			s.Wake()
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		stop()
		if sent := s.State().Sent; sent != 80 || store.read != 80 {
			t.Errorf("80 events, %d read, %d sent", store.read, sent)
		}
	})
}

// TestNothingCountsBeforeItIsRecorded checks that a delivery is counted and announced to
// the other reporters only after it is recorded.
func TestNothingCountsBeforeItIsRecorded(t *testing.T) {
	store := &counting{Store: fill(t, []uint64{1}, contract.EventProved), refuses: true}
	synctest.Test(t, func(t *testing.T) {
		woken := 0
		c := Config{
			Accepted: func(e record.Event, _ map[string]string, _ []contract.Artifact, now time.Time) []record.Event {
				return []record.Event{{Reporter: "other", Kind: contract.EventAccepted, Expires: now.Add(time.Hour)}}
			},
			Alerted: func() { woken++ },
		}
		s, stop := start(t, c, store, noFiles{}, &desk{})
		time.Sleep(time.Minute)
		stop()
		if woken != 0 || s.State().Sent != 0 {
			t.Errorf("woken %d times, %d sent, and nothing is recorded", woken, s.State().Sent)
		}
		store.refuses = false
		s, stop = start(t, c, store, noFiles{}, &desk{})
		time.Sleep(time.Minute)
		stop()
		if woken != 1 || s.State().Sent != 1 {
			t.Errorf("woken %d times, %d sent", woken, s.State().Sent)
		}
	})
}

// readOnly is a Files whose output directory cannot be written.
type readOnly struct {
	noFiles
	folders []string
}

func (r *readOnly) Publish(folder string, _ []contract.Artifact) error {
	r.folders = append(r.folders, folder)
	return errors.New("read-only file system")
}

// publisher is a reporter that publishes a request body and then answers.
type publisher struct{ err error }

func (*publisher) Ready(ctx context.Context) error { return ctx.Err() }

func (p *publisher) Report(_ context.Context, _ contract.Event, sink func(contract.WorkEvent) error) (contract.Result, error) {
	p.err = sink(contract.WorkEvent{Publish: &contract.Artifact{Name: "proved.json"}})
	return contract.Result{}, p.err
}

// TestFailedCopyForPeopleFailsNoDelivery checks that a request body that cannot be kept
// causes only a warning.
func TestFailedCopyForPeopleFailsNoDelivery(t *testing.T) {
	store := fill(t, []uint64{7}, contract.EventProved)
	synctest.Test(t, func(t *testing.T) {
		log, logger := newLines()
		files, p := &readOnly{}, &publisher{}
		s, stop := start(t, Config{Log: logger, Folder: func(b contract.Block) string { return fmt.Sprintf("%d/r", b.Number) }}, store, files, p)
		time.Sleep(time.Minute)
		stop()
		if p.err != nil || s.State().Sent != 1 || !slices.Equal(files.folders, []string{"7/r"}) {
			t.Errorf("the reporter got %v, %d sent, published to %v", p.err, s.State().Sent, files.folders)
		}
		if log.all["WARN what a reporter hands out cannot be published"] != 1 {
			t.Errorf("%v", log.all)
		}
	})
}

// keeping is a Files that records which directories are removed.
type keeping struct {
	noFiles
	discarded []string
}

func (k *keeping) Discard(dir string) error {
	k.discarded = append(k.discarded, dir)
	return nil
}

// TestWhatWasPublishedIsHandedOn checks that the directory of a try is kept when an event
// for another reporter carries its published files, and is removed otherwise.
func TestWhatWasPublishedIsHandedOn(t *testing.T) {
	for _, carries := range []bool{true, false} {
		store := fill(t, []uint64{7}, contract.EventProved)
		synctest.Test(t, func(t *testing.T) {
			files := &keeping{}
			c := Config{
				Folder: func(contract.Block) string { return "7" },
				Accepted: func(_ record.Event, _ map[string]string, published []contract.Artifact, now time.Time) []record.Event {
					if !carries {
						published = nil
					}
					return []record.Event{{Reporter: "other", Kind: contract.EventAccepted, Outputs: published, Expires: now.Add(time.Hour)}}
				},
			}
			_, stop := start(t, c, store, files, &publisher{})
			time.Sleep(time.Minute)
			stop()
			if kept := len(files.discarded) == 0; kept != carries {
				t.Errorf("carried is %t, removed are %v", carries, files.discarded)
			}
		})
		due, err := store.Outbox("other")
		if err != nil || len(due) != 1 || carries != (len(due[0].Outputs) == 1 && due[0].Outputs[0].Name == "proved.json") {
			t.Errorf("carried is %t: the other is owed %+v, %v", carries, due, err)
		}
	}
}

func TestWithdrawnEventsAreForgotten(t *testing.T) {
	store := fill(t, []uint64{1}, contract.EventQueued)
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		s := New(Config{Reporter: "r", Timeout: time.Minute}, store, noFiles{}, d)
		if w := s.State().Waiting; !slices.Equal(w, []uint64{1}) {
			t.Errorf("waiting %v", w)
		}
		if err := store.Commit(record.Change{Unsend: []string{idOf(1)}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.Run(ctx)
		if w := s.State().Waiting; len(w) != 0 || len(d.events()) != 0 {
			t.Errorf("waiting %v, sent %v", w, d.events())
		}
	})
}

func TestExpiry(t *testing.T) {
	store := fill(t, []uint64{1}, contract.EventQueued)
	block := contract.Block{ChainID: 1, Number: 1, Hash: contract.Hash{1}}
	overdue := time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC) // as after a jump of the clock: synctest begins in 2000
	err := store.Commit(record.Change{Events: []record.Event{
		{Reporter: "r", Kind: contract.EventProving, Job: idOf(1), Block: &block, Expires: overdue},
		{Reporter: "gone", Kind: contract.EventProved, Job: idOf(1), Block: &block, Expires: overdue},
	}})
	if err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		waiting, err := store.Waiting()
		if err != nil {
			t.Fatal(err)
		}
		return waiting["r"] + waiting["gone"]
	}
	synctest.Test(t, func(t *testing.T) {
		log, logger := newLines()
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { NewExpiry(store, func() []string { return []string{"r", "slack"} }, logger).Run(ctx) })
		time.Sleep(59 * time.Minute)
		if n := left(); n != 3 {
			t.Errorf("%d of 3 events are left before they were overdue for an hour of this run", n)
		}
		time.Sleep(12 * time.Minute)
		cancel()
		run.Wait()
		if n := left(); n != 1 {
			t.Errorf("%d events are left, want the one with time", n)
		}
		for line, n := range log.all {
			if strings.HasPrefix(line, "WARN events wait for a reporter") && n != 1 || strings.HasPrefix(line, "ERROR events expired") && n != 2 {
				t.Errorf("%d × %s", n, line)
			}
		}
	})
	reports, _ := store.Reports(idOf(1))
	found := map[string]string{}
	for _, r := range reports {
		found[r.Reporter+" "+r.State] = r.Error
	}
	if found["r expired"] != "not delivered in time" || !strings.Contains(found["gone unclaimed"], "no reporter gone") {
		t.Errorf("%v", found)
	}
}

// TestOverdueEventsAreStillTried checks that the sender ignores the lifetime of events.
func TestOverdueEventsAreStillTried(t *testing.T) {
	store := fill(t, nil)
	err := store.Commit(record.Change{Events: []record.Event{{Reporter: "r", Kind: contract.EventNodeDown, Expires: time.Unix(1, 0)}}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		deliver(t, store, d, 1, time.Minute)
		if !slices.Equal(d.events(), []string{"0 node_down"}) {
			t.Errorf("%v", d.events())
		}
	})
}

// BenchmarkRefresh measures one refresh with 20,000 waiting events and the end of one of
// them.
func BenchmarkRefresh(b *testing.B) {
	for _, n := range []int{100, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			store, err := checkpoint.Open(b.TempDir() + "/checkpoint.db")
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			numbers := make([]uint64, n)
			for i := range numbers {
				numbers[i] = uint64(i)
			}
			add(b, store, contract.EventQueued, numbers...)
			s := New(Config{Reporter: "r", Concurrency: 8}, store, noFiles{}, &desk{})
			if err := s.refresh(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := s.refresh(); err != nil {
					b.Fatal(err)
				}
				s.begin(b.Context(), time.Now())
				for l := range s.busy {
					s.end(l)
					break
				}
			}
		})
	}
}
