package monitor

import (
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/live"
)

// BenchmarkScrape scrapes a pipeline with a day of blocks behind it.
func BenchmarkScrape(b *testing.B) {
	s := newScene(3000, time.Now())
	s.begin()
	c := s.config(&live.Log{})
	handler := Handler(c)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Model.Run(ctx) })
	b.Cleanup(func() { cancel(); running.Wait() })
	for len(c.Model.Overview().Stages) == 0 {
		time.Sleep(time.Millisecond)
	}
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, ask("/metrics"))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

// BenchmarkReaders measures the CPU time that 200 readers of events take from the engine.
// Busy threads, which use all remaining CPU time of the process, stand for the engine. The
// figure is the share of CPU time that the threads do not get while the readers follow a
// pipeline that changes at every update, minus that share without readers. It compares CPU
// times of one process and not the amount of work, so that other processes of the machine
// have no influence. The clients are in this process, too, and are included. The result is
// the median of alternating pairs, with its spread. Above 2 % the benchmark fails.
func BenchmarkReaders(b *testing.B) {
	const readers, pairs, span = 200, 7, 4 * time.Second
	for b.Loop() {
		var lost []float64
		for pair := range pairs {
			first, second := 0, readers
			if pair%2 == 1 {
				first, second = readers, 0
			}
			less, more := share(b, first, span), share(b, second, span)
			if first > second {
				less, more = more, less
			}
			lost = append(lost, 100*(more-less))
		}
		slices.Sort(lost)
		b.ReportMetric(lost[pairs/2], "%lost")
		b.ReportMetric(lost[0], "%least")
		b.ReportMetric(lost[pairs-1], "%most")
		if lost[pairs/2] > 2 {
			b.Errorf("the readers take %.2f %% from who works beside them", lost[pairs/2])
		}
	}
}

// share returns the part of the process' CPU time that busy threads do not get while a
// model runs over a scene.
func share(b *testing.B, readers int, span time.Duration) float64 {
	b.Helper()
	s := newScene(700, time.Now())
	s.begin()
	c := s.config(&live.Log{})
	server := httptest.NewServer(Handler(c))
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Model.Run(ctx) })
	var got atomic.Int64
	read(b, server.Listener.Addr().String(), readers, &running, &got)
	running.Go(func() {
		for ctx.Err() == nil {
			s.change(func(snap *statusSnapshot) { snap.Stages[7].QueueLength++ })
			time.Sleep(50 * time.Millisecond)
		}
	})
	for c.Model.Overview().Time.IsZero() {
		time.Sleep(time.Millisecond)
	}
	runtime.GC()
	var worked atomic.Int64 // ns of CPU time of the busy threads
	began, end := cpuTime(syscall.RUSAGE_SELF), time.Now().Add(span)
	var busy sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			runtime.LockOSThread() // which ends with the goroutine
			from := cpuTime(rusageThread)
			block := make([]byte, 4096)
			for time.Now().Before(end) {
				for range 100 {
					sum := sha256.Sum256(block)
					block[0] = sum[0]
				}
			}
			worked.Add(int64(cpuTime(rusageThread) - from))
		})
	}
	busy.Wait()
	all := cpuTime(syscall.RUSAGE_SELF) - began
	cancel()
	server.CloseClientConnections()
	server.Close()
	running.Wait()
	if readers > 0 && got.Load() == 0 {
		b.Fatal("the readers read nothing")
	}
	return 1 - float64(worked.Load())/float64(all)
}

// read starts a number of readers of a server's events, until the server closes their
// connections. It counts the received bytes and does not parse them.
func read(t testing.TB, address string, readers int, running *sync.WaitGroup, got *atomic.Int64) {
	t.Helper()
	for range readers {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			defer conn.Close()
			n, _ := io.Copy(io.Discard, conn)
			got.Add(n)
		})
	}
}

// TestScrapeUnderLoad scrapes a pipeline with a day of blocks while 200 readers follow its
// events and it changes at every update. The fastest of several responses must come within
// 50 ms. The others may be slow because of other processes of the machine.
func TestScrapeUnderLoad(t *testing.T) {
	s := newScene(3000, time.Now())
	s.begin()
	c := followed(t, s)
	server := httptest.NewServer(Handler(c))
	var running sync.WaitGroup
	var got atomic.Int64
	read(t, server.Listener.Addr().String(), 200, &running, &got)
	ctx, cancel := context.WithCancel(t.Context())
	running.Go(func() {
		for ctx.Err() == nil {
			s.change(func(snap *statusSnapshot) { snap.Stages[7].QueueLength++ })
			time.Sleep(10 * time.Millisecond)
		}
	})
	var times []time.Duration
	for range 20 {
		began := time.Now()
		answer, err := http.Get(server.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || n < 10_000 {
			t.Fatalf("%s, %d bytes, %v", answer.Status, n, err)
		}
		times = append(times, time.Since(began))
		time.Sleep(50 * time.Millisecond)
	}
	cancel()
	server.CloseClientConnections()
	server.Close()
	running.Wait()
	if got.Load() == 0 {
		t.Error("the readers read nothing")
	}
	slices.Sort(times)
	t.Logf("a scrape takes %v, median %v, at most %v", times[0], times[len(times)/2], times[len(times)-1])
	if times[0] > 50*time.Millisecond {
		t.Errorf("a scrape takes %v", times[0])
	}
}

const rusageThread = 1 // RUSAGE_THREAD of getrusage(2), which package syscall lacks

// cpuTime returns the CPU time of this process, or of this thread.
func cpuTime(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
