package live

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/tick"
)

// How often the model looks: at the pipeline while somebody reads and while nobody
// does, at the machine, and at the score.
const (
	pauseWatched = 400 * time.Millisecond
	pauseReader  = 5 * time.Millisecond // at least so long for each reader, so that many cost no more than some
	pauseAlone   = time.Second
	pauseMachine = 5 * time.Second
	pauseScore   = 30 * time.Second
	keptReadings = 240
)

// Source is the pipeline that a Model looks at. Its methods are called from one
// goroutine.
type Source interface {
	Snapshot(ctx context.Context) (status.Snapshot, error)
	// FinishedSince returns the jobs that ended at that time or later, with their
	// reports.
	FinishedSince(ctx context.Context, since time.Time) ([]status.Job, error)
	Score(ctx context.Context) (score.Report, error)
	Course(ctx context.Context) ([]score.Point, error)
	// Recorded is the size of the checkpoint in bytes.
	Recorded() int64
}

// Config describes the pipeline to a Model.
type Config struct {
	Selection selection.Selection
	// Proofs names the stages whose proofs each reporter is handed.
	Proofs map[string][]string
	Data   string // the data folder; its disk is watched
	// Prices per kWh and per hour of a GPU; 0 where they are not known.
	KWhPrice, GPUHourPrice float64
	Currency               string
	Log                    *Log // nil for none
	Errors                 *slog.Logger
	Now                    func() time.Time // nil for time.Now
	// Pause is the time between two looks while somebody reads; 0 for 400 ms.
	Pause time.Duration
}

// Model holds the picture. Run keeps it up to date; its other methods may be called
// concurrently, before Run too.
type Model struct {
	cfg    Config
	source Source
	stream stream
	limit  atomic.Int64 // of the score, in ms

	// Of Run's goroutine.
	window   *window
	tracker  tracker
	judge    Judge
	alerts   alerts
	machine  machine
	memory   map[int]int64
	energy   map[string]float64 // Wh by job, of those proved while somebody measured
	measured time.Time
	metered  time.Time // the last reading of the GPUs
	counts   status.Counts
	lines    uint64
	reported string // the first proof stage that is no shadow
	troubled string
	summed   sums
	seen     observed

	mu       sync.Mutex
	watchers []Observer
	now      Overview
	pid      map[string]int
	readings []Reading
	charts   Charts
	changed  *changeable // nil for nothing new
}

// New returns a model of a pipeline. It knows nothing until Run.
func New(source Source, cfg Config) *Model {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = &Log{}
	}
	if cfg.Errors == nil {
		cfg.Errors = slog.New(slog.DiscardHandler)
	}
	limit := score.RulesFor(cfg.Selection.Targets.Every).ThresholdMS
	m := &Model{
		cfg: cfg, source: source, seen: observed{}, window: newWindow(limit), machine: machine{proc: "/proc", data: cfg.Data}, energy: map[string]float64{},
		stream: stream{run: fmt.Sprintf("%x", cfg.Now().UnixNano()), readers: map[*Reader]bool{}},
	}
	m.limit.Store(limit)
	host, _ := os.Hostname()
	m.now = Overview{
		Pipeline: Pipeline{Host: host, Select: selected(cfg.Selection), State: Starting, Word: "Starting", Reason: "The stages are being started."},
		Stages:   []Stage{}, Alerts: []Alert{}, Failures: []Failure{}, Targets: []Target{}, Log: []Line{}, Hardware: Hardware{GPUs: []GPU{}},
	}
	m.charts = Charts{Dots: []Dot{}, Stages: map[string][]StageSpan{}, GPU: []Reading{}, Shadow: []Pairs{}}
	return m
}

// Run keeps the picture up to date until ctx ends. Readers are told then.
func (m *Model) Run(ctx context.Context) {
	defer m.stream.close()
	m.complain(m.begin(ctx))
	var machine, judged time.Time
	hardware, standing := Hardware{GPUs: []GPU{}}, (*Score)(nil)
	gpus := make(chan gpuReading, 1)
	asked := false
	for ctx.Err() == nil {
		m.takeChanges(ctx)
		now := m.cfg.Now()
		if !asked && now.Sub(machine) >= pauseMachine {
			asked, machine = true, now
			go func() { // nvidia-smi takes its time
				cards, err := queryGPUs(ctx)
				gpus <- gpuReading{cards, err}
			}()
			m.machine.read(&hardware)
		}
		select {
		case r := <-gpus:
			asked = false
			m.read(&hardware, r, now)
		default:
		}
		if now.Sub(judged) >= pauseScore {
			judged = now
			if report, err := m.source.Score(ctx); err == nil {
				course, err := m.source.Course(ctx)
				m.complain(err)
				report.Time = report.Time.Truncate(time.Minute)
				standing = &Score{Report: report, Course: course}
			} else {
				m.complain(err)
			}
		}
		m.complain(m.look(ctx, now, hardware, standing))
		pause := tick.Until(time.Now(), pauseAlone)
		if n := m.stream.watching(); n > 0 {
			pause = cmp.Or(m.cfg.Pause, max(pauseWatched, time.Duration(n)*pauseReader))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	m.complain(m.look(context.WithoutCancel(ctx), m.cfg.Now(), hardware, standing)) // what has ended last
	if asked {
		<-gpus
	}
}

// complain logs an error once while it lasts.
func (m *Model) complain(err error) {
	if err == nil || err.Error() == m.troubled {
		return
	}
	m.troubled = err.Error()
	m.cfg.Errors.Warn("the monitor does not show everything", "error", err)
}

// begin reads the last day from the checkpoint.
func (m *Model) begin(ctx context.Context) error {
	jobs, err := m.source.FinishedSince(ctx, m.cfg.Now().Add(-windowSpan))
	for _, j := range jobs {
		m.window.put(j)
		m.observe(j)
		m.seen.take(j, m.limit.Load())
	}
	return err
}

// observe learns from a job how fast the chain is and how soon blocks are seen.
func (m *Model) observe(j status.Job) {
	if !j.Block.Time.IsZero() && j.Origin == "selected" {
		m.tracker.delay(j.Created.Sub(j.Block.Time))
	}
}

// look brings the picture up to date once and publishes what has changed.
func (m *Model) look(ctx context.Context, now time.Time, hardware Hardware, standing *Score) error {
	snap, err := m.source.Snapshot(ctx)
	for _, s := range snap.Stages {
		if s.MakesProof && !s.Shadow {
			m.reported = s.Name
			break
		}
	}
	if m.reported == "" { // what is never proved has no standing
		standing = nil
	}
	changed := m.take(ctx, snap)
	m.tracker.observe(snap.Head, snap.HeadTime)
	m.sum(now)
	m.follow(snap, now, hardware)

	complaints := append(m.judge.Complaints(snap, now), worn(hardware)...)
	m.alerts.update(complaints, now)
	next := Overview{
		Time: now.UTC(), Chain: m.tracker.chain(m.cfg.Selection.Targets, snap.Head, snap.HeadTime),
		Stages: place(snap.Stages, m.cfg.Proofs), Fit: m.summed.fit, Day: m.summed.day, Score: standing, Hardware: hardware,
		Alerts: m.alerts.list(), Failures: m.window.failed(), Targets: m.window.newest(shownTargets),
		Log: m.cfg.Log.Lines(Filter{Level: slog.LevelInfo, Limit: 100}),
	}
	m.describe(&next, snap, now)
	m.cost(&next)
	m.summarize(&next, snap, complaints)
	return errorsFirst(err, m.publish(next, changed))
}

func errorsFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// take puts the jobs of a snapshot into the window and says which are not as
// before.
func (m *Model) take(ctx context.Context, snap status.Snapshot) map[string]bool {
	changed := map[string]bool{}
	put := func(j status.Job) {
		if _, known := m.window.targets[j.ID]; !known {
			m.observe(j)
		}
		if m.window.put(j) {
			changed[j.ID] = true
		}
		m.notify(j)
	}
	c := snap.Counts
	ended := c.Done + c.Failed + c.Dropped + c.Cancelled - (m.counts.Done + m.counts.Failed + m.counts.Dropped + m.counts.Cancelled)
	if m.counts = c; ended > len(snap.Recent) {
		if jobs, err := m.source.FinishedSince(ctx, snap.Time.Add(-10*time.Minute)); err == nil {
			for _, j := range jobs {
				put(j)
			}
		}
	}
	for _, j := range slices.Backward(snap.Recent) {
		put(j)
	}
	for _, j := range snap.Jobs {
		put(j)
	}
	return changed
}

// publish makes the picture the present one and hands the difference to readers.
func (m *Model) publish(next Overview, changed map[string]bool) error {
	m.mu.Lock()
	old := m.now
	m.now = next
	m.charts = m.summed.charts
	m.charts.GPU = append([]Reading{}, m.readings...)
	m.mu.Unlock()
	change := difference(old, next, changed)
	for _, line := range next.Log {
		if line.ID > m.lines {
			change.Log = append(change.Log, line)
		}
	}
	if len(next.Log) > 0 {
		m.lines = next.Log[0].ID
	}
	if !change.any() {
		return nil
	}
	return m.stream.publish(change)
}

// Overview is the present picture.
func (m *Model) Overview() Overview {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Present is the present picture, and the id of an event that it includes.
func (m *Model) Present() (event string, o Overview) {
	event = m.stream.id() // before the picture: a change that is shown twice does no harm
	return event, m.Overview()
}

// Charts is what the plots of the last day are drawn from.
func (m *Model) Charts() Charts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.charts
}

// LimitMS is the score's limit of a proving time.
func (m *Model) LimitMS() int64 { return m.limit.Load() }

// Log is the log that the model shows.
func (m *Model) Log() *Log { return m.cfg.Log }

// Join adds a reader of changes. after is the id of the last event that it has, or
// empty. Where the events since then are all remembered they are missed; else whole
// is the picture as JSON, with the id of the event that it includes, and missed is
// empty. The reader must be closed.
func (m *Model) Join(after string) (r *Reader, missed []Event, whole *Event, err error) {
	r, missed, complete, err := m.stream.join(after)
	if err != nil || complete {
		return r, missed, nil, err
	}
	id := m.stream.id() // before the picture: what is told twice does no harm
	data, err := json.Marshal(m.Overview())
	if err != nil {
		r.Close()
		return nil, nil, nil, err
	}
	return r, nil, &Event{ID: id, Data: data}, nil
}
