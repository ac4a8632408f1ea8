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

// The times between two updates, and a limit.
const (
	pauseWatched = 400 * time.Millisecond // of the pipeline, while there are readers
	pauseReader  = 5 * time.Millisecond   // multiplied by the number of readers it is the shortest pause
	pauseAlone   = time.Second            // of the pipeline, while there are no readers
	pauseMachine = 5 * time.Second        // of the machine's figures
	pauseScore   = 30 * time.Second       // of the score
	keptReadings = 240                    // a third of the GPU readings that are kept
)

// Source is the pipeline that a Model shows. Its methods are called from one goroutine.
type Source interface {
	Snapshot(ctx context.Context) (status.Snapshot, error)
	// FinishedSince returns the jobs that ended at a time or later, with their reports.
	FinishedSince(ctx context.Context, since time.Time) ([]status.Job, error)
	Score(ctx context.Context) (score.Report, error)
	Course(ctx context.Context) ([]score.Point, error)
	// Recorded returns the size of the checkpoint in bytes.
	Recorded() int64
}

// Config describes the pipeline to a Model.
type Config struct {
	Selection selection.Selection
	// Proofs are the names of the stages whose proofs a reporter gets, by reporter.
	Proofs map[string][]string
	Data   string // the data folder; its disk is watched
	// KWhPrice and GPUHourPrice are in Currency; 0 if they are not known.
	KWhPrice, GPUHourPrice float64
	Currency               string
	Log                    *Log             // the log to show; nil for none
	Errors                 *slog.Logger     // for errors of the Source; nil for none
	Now                    func() time.Time // nil for time.Now
	// Pause is the time between two updates while there are readers; 0 for 400 ms.
	Pause time.Duration
}

// Model holds the present state of a pipeline. Run keeps it up to date. All other
// methods may be called concurrently, also before Run.
type Model struct {
	cfg    Config
	source Source
	stream stream
	limit  atomic.Int64 // the score's limit of the proving time in ms

	// The following fields are used only by Run's goroutine.
	window     *window
	tracker    tracker
	checker    Checker
	alerts     alerts
	machine    machine
	memory     map[int]int64      // resident bytes by process id of the plugin
	pids       map[string]int     // the plugins' process ids, for which memory was read
	energy     map[string]float64 // Wh by job, of proofs made while the GPUs were read
	measuredAt time.Time          // of memory and energy
	gpusReadAt time.Time
	counts     status.Counts // of the last snapshot
	lines      uint64        // ID of the last log line that was published
	proofStage string        // the first proof stage that is not a shadow
	lastError  string        // the last error that was logged
	sums       sums
	observed   observed

	mu        sync.Mutex // guards the following fields
	observers []Observer
	overview  Overview
	readings  []Reading // of the GPUs, the newest last
	charts    Charts
	pending   *pendingConfig // nil if there is no new one
}

// New returns a model of a pipeline. Its Overview is empty until Run is called.
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
		cfg: cfg, source: source, observed: observed{}, window: newWindow(limit), machine: machine{proc: "/proc", data: cfg.Data}, energy: map[string]float64{},
		stream: stream{run: fmt.Sprintf("%x", cfg.Now().UnixNano()), readers: map[*Reader]bool{}},
	}
	m.limit.Store(limit)
	host, _ := os.Hostname()
	m.overview = Overview{
		Pipeline: Pipeline{Host: host, Select: selectionText(cfg.Selection), State: Starting, Word: "Starting", Reason: "The stages are being started."},
		Stages:   []Stage{}, Alerts: []Alert{}, Failures: []Failure{}, Targets: []Target{}, Log: []Line{}, Hardware: Hardware{GPUs: []GPU{}},
	}
	m.charts = Charts{Dots: []Dot{}, Stages: map[string][]StageSpan{}, GPU: []Reading{}, Shadow: []Pairs{}}
	return m
}

// Run keeps the model up to date until ctx ends. Then it ends all readers with
// ErrStopped.
func (m *Model) Run(ctx context.Context) {
	defer m.stream.close()
	m.logError(m.loadLastDay(ctx))
	var machineAt, scoredAt time.Time
	hardware, standing := Hardware{GPUs: []GPU{}}, (*Score)(nil)
	gpus := make(chan gpuReading, 1)
	querying := false
	for ctx.Err() == nil {
		m.applyPending(ctx)
		now := m.cfg.Now()
		if !querying && now.Sub(machineAt) >= pauseMachine {
			querying, machineAt = true, now
			go func() { // nvidia-smi may take seconds
				cards, err := queryGPUs(ctx)
				gpus <- gpuReading{cards, err}
			}()
			m.machine.read(&hardware)
		}
		select {
		case r := <-gpus:
			querying = false
			m.applyGPUs(&hardware, r, now)
		default:
		}
		if now.Sub(scoredAt) >= pauseScore {
			scoredAt = now
			if report, err := m.source.Score(ctx); err == nil {
				course, err := m.source.Course(ctx)
				m.logError(err)
				report.Time = report.Time.Truncate(time.Minute)
				standing = &Score{Report: report, Course: course}
			} else {
				m.logError(err)
			}
		}
		m.logError(m.update(ctx, now, hardware, standing))
		pause := tick.Until(time.Now(), pauseAlone)
		if n := m.stream.readerCount(); n > 0 {
			pause = cmp.Or(m.cfg.Pause, max(pauseWatched, time.Duration(n)*pauseReader))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	m.logError(m.update(context.WithoutCancel(ctx), m.cfg.Now(), hardware, standing)) // for the jobs that ended last
	if querying {
		<-gpus
	}
}

// logError logs an error, unless it is the same as the last one.
func (m *Model) logError(err error) {
	if err == nil || err.Error() == m.lastError {
		return
	}
	m.lastError = err.Error()
	m.cfg.Errors.Warn("the monitor does not show everything", "error", err)
}

// loadLastDay puts the jobs that ended in the last day into the window.
func (m *Model) loadLastDay(ctx context.Context) error {
	jobs, err := m.source.FinishedSince(ctx, m.cfg.Now().Add(-windowSpan))
	for _, j := range jobs {
		m.window.put(j)
		m.observeBlock(j)
		m.observed.update(j, m.limit.Load())
	}
	return err
}

// observeBlock records how long after its timestamp the block of a new job was seen.
func (m *Model) observeBlock(j status.Job) {
	if !j.Block.Time.IsZero() && j.Origin == "selected" {
		m.tracker.observeDelay(j.Created.Sub(j.Block.Time))
	}
}

// update brings the model up to date once and publishes the changes.
func (m *Model) update(ctx context.Context, now time.Time, hardware Hardware, standing *Score) error {
	snap, err := m.source.Snapshot(ctx)
	for _, s := range snap.Stages {
		if s.MakesProof && !s.Shadow {
			m.proofStage = s.Name
			break
		}
	}
	if m.proofStage == "" { // there is no score without proofs
		standing = nil
	}
	changed := m.putJobs(ctx, snap)
	m.tracker.observe(snap.Head, snap.HeadTime)
	m.updateSums(now)
	m.measureStages(snap, now, hardware)

	conditions := append(m.checker.Conditions(snap, now), machineConditions(hardware)...)
	m.alerts.update(conditions, now)
	next := Overview{
		Time: now.UTC(), Chain: m.tracker.chain(m.cfg.Selection.Targets, snap.Head, snap.HeadTime),
		Stages: placeStages(snap.Stages, m.cfg.Proofs), Fit: m.sums.fit, Day: m.sums.day, Score: standing, Hardware: hardware,
		Alerts: m.alerts.list(), Failures: m.window.failed(), Targets: m.window.newest(shownTargets),
		Log: m.cfg.Log.Lines(Filter{Level: slog.LevelInfo, Limit: 100}),
	}
	m.fillStages(&next, snap, now)
	m.fillCost(&next)
	m.summarize(&next, snap, conditions)
	return cmp.Or(err, m.publish(next, changed))
}

// putJobs puts the jobs of a snapshot into the window. It returns the ids of those whose
// targets have changed.
func (m *Model) putJobs(ctx context.Context, snap status.Snapshot) map[string]bool {
	changed := map[string]bool{}
	put := func(j status.Job) {
		if _, known := m.window.targets[j.ID]; !known {
			m.observeBlock(j)
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

// publish makes next the present Overview and sends the difference to the readers.
func (m *Model) publish(next Overview, changed map[string]bool) error {
	m.mu.Lock()
	old := m.overview
	m.overview = next
	m.charts = m.sums.charts
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
	if change.isEmpty() {
		return nil
	}
	return m.stream.publish(change)
}

// Overview returns the present state. The caller must not change it.
func (m *Model) Overview() Overview {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.overview
}

// Present returns the present state, and the id of an event whose change it includes.
func (m *Model) Present() (event string, o Overview) {
	event = m.stream.id() // read first, because a change that is applied twice does no harm
	return event, m.Overview()
}

// Charts returns the data for the plots of the last day.
func (m *Model) Charts() Charts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.charts
}

// LimitMS returns the score's limit of the proving time in ms.
func (m *Model) LimitMS() int64 { return m.limit.Load() }

// Log returns the log that the model shows.
func (m *Model) Log() *Log { return m.cfg.Log }

// Join adds a reader of changes. after is the id of the last event that the reader has,
// or empty. If all events after it are still kept, missed has them. Otherwise overview is
// the whole Overview as JSON, with the id of an event that it includes. The caller must
// close the reader. The error is ErrFull or ErrStopped if no reader can be added.
func (m *Model) Join(after string) (r *Reader, missed []Event, overview *Event, err error) {
	r, missed, complete, err := m.stream.join(after)
	if err != nil || complete {
		return r, missed, nil, err
	}
	id := m.stream.id() // read first, because a change that is applied twice does no harm
	data, err := json.Marshal(m.Overview())
	if err != nil {
		r.Close()
		return nil, nil, nil, err
	}
	return r, nil, &Event{ID: id, Data: data}, nil
}
