package metrics

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/live"
)

// figures are all metrics that are read from the Overview.
var figures = slices.Concat(pipelineFigures, stageFigures, endpointFigures, scoreFigures, machineFigures)

var pipelineFigures = []figure{
	gauge("pipeline_info", "The pipeline that runs, in its labels; always 1.", func(o *live.Overview, _ time.Time, add put) {
		add(1, o.Pipeline.Name, o.Pipeline.Version, o.Pipeline.Network)
	}, "pipeline", "version", "network"),
	gauge("start_time_seconds", "Unix time at which the host started.", func(o *live.Overview, _ time.Time, add put) {
		if !o.Pipeline.Started.IsZero() {
			add(unixSeconds(o.Pipeline.Started))
		}
	}),
	gauge("pipeline_state", "1 for the state of the pipeline as a whole, 0 for the others.", func(o *live.Overview, _ time.Time, add put) {
		for _, state := range []string{live.Starting, live.Running, live.Degraded, live.Stopping} {
			add(boolValue(o.Pipeline.State == state), state)
		}
	}, "state"),
	gauge("jobs_active", "Jobs that are not finished.", func(o *live.Overview, _ time.Time, add put) { add(float64(o.Pipeline.Active)) }),
	gauge("chain_head_number", "Number of the newest block that the source has seen.", func(o *live.Overview, _ time.Time, add put) {
		if o.Chain.Head > 0 {
			add(float64(o.Chain.Head))
		}
	}),
	gauge("chain_head_timestamp_seconds", "Unix time of the newest block that the source has seen.", func(o *live.Overview, _ time.Time, add put) {
		if !o.Chain.HeadTime.IsZero() {
			add(unixSeconds(o.Chain.HeadTime))
		}
	}),
	gauge("chain_head_lag_seconds", "Age of the newest block that the source has seen.", func(o *live.Overview, now time.Time, add put) {
		if !o.Chain.HeadTime.IsZero() {
			add(max(0, now.Sub(o.Chain.HeadTime).Seconds()))
		}
	}),
	gauge("chain_next_target_number", "Next block number that the selection takes.", func(o *live.Overview, _ time.Time, add put) {
		if o.Chain.Next > 0 {
			add(float64(o.Chain.Next))
		}
	}),
	gauge("chain_next_target_timestamp_seconds", "Unix time at which the next target is expected, an estimate.", func(o *live.Overview, _ time.Time, add put) {
		if !o.Chain.NextTime.IsZero() {
			add(unixSeconds(o.Chain.NextTime))
		}
	}),
	gauge("proving_predicted_seconds", "Proving time of the block at work as its gas predicts it.", func(o *live.Overview, _ time.Time, add put) {
		if o.Proving != nil && o.Proving.PredictedMS > 0 {
			add(float64(o.Proving.PredictedMS) / 1000)
		}
	}),
	gauge("checkpoint_size_bytes", "Size of the checkpoint file.", func(o *live.Overview, _ time.Time, add put) { add(float64(o.Pipeline.Recorded)) }),
	gauge("alerts_open", "Conditions that somebody should know of and that last, by kind and stage.", func(o *live.Overview, _ time.Time, add put) {
		open := map[[2]string]int{}
		for _, a := range o.Alerts {
			if a.Until.IsZero() {
				kind, _, _ := strings.Cut(a.ID, "/")
				open[[2]string{kind, a.Stage}]++
			}
		}
		for of, n := range open {
			add(float64(n), of[0], of[1])
		}
	}, "kind", "stage"),
}

var stageFigures = []figure{
	stageGauge("stage_up", "1 while the stage can work: its process is there and nothing pauses it.", func(s live.Stage) float64 {
		return boolValue(s.State != "down" && s.State != "paused" && s.State != "starting")
	}),
	gauge("stage_state", "1 for the state of the stage, 0 for the others.", func(o *live.Overview, _ time.Time, add put) {
		for _, s := range o.Stages {
			for _, state := range []string{"running", "idle", "waiting", "paused", "stuck", "starting", "down"} {
				add(boolValue(s.State == state), s.Name, string(s.Kind), state)
			}
		}
	}, "stage", "kind", "state"),
	stageGauge("stage_queue_length", "What waits for the stage: blocks, of a reporter blocks with unsent events.", func(s live.Stage) float64 { return float64(s.Queue) }),
	gauge("stage_queue_oldest_timestamp_seconds", "Unix time since which the oldest of what waits for the stage is there.", func(o *live.Overview, _ time.Time, add put) {
		for _, s := range o.Stages {
			if !s.QueuedSince.IsZero() {
				add(unixSeconds(s.QueuedSince), s.Name)
			}
		}
	}, "stage"),
	stageGauge("stage_running_attempts", "Attempts that run.", func(s live.Stage) float64 { return float64(s.Running) }),
	stageGauge("stage_memory_bytes", "Resident memory of the stage's plugin and all that it has started.", func(s live.Stage) float64 { return float64(s.Memory) }),
	counter("stage_attempts_total", "Attempts that have ended, of a reporter events, by what they came to.", func(o *live.Overview, _ time.Time, add put) {
		for _, s := range o.Stages {
			add(float64(s.Done), s.Name, "done")
			add(float64(s.Failed), s.Name, "failed")
		}
	}, "stage", "result"),
	counter("stage_restarts_total", "Starts of the stage's plugin after its first.", func(o *live.Overview, _ time.Time, add put) {
		for _, s := range o.Stages {
			add(float64(s.Restarts), s.Name)
		}
	}, "stage"),
	gauge("outbox_events", "Blocks of which a reporter has events to send.", func(o *live.Overview, _ time.Time, add put) {
		for _, s := range o.Stages {
			if s.Kind == "reporter" {
				add(float64(s.Queue), s.Name)
			}
		}
	}, "stage"),
}

// stageGauge returns a gauge with a value for every stage.
func stageGauge(name, help string, value func(live.Stage) float64) figure {
	return gauge(name, help, func(o *live.Overview, _ time.Time, add put) {
		for _, s := range o.Stages {
			add(value(s), s.Name)
		}
	}, "stage")
}

var scoreFigures = []figure{
	scoreGauge("score_performance_ratio", "Share of the target blocks of the last 7 days that were proved within the score's threshold.", func(s *live.Score) float64 { return s.Week.Performance / 100 }),
	scoreGauge("score_performance_bar_ratio", "Share that the cohort asks for.", func(s *live.Score) float64 { return float64(s.Rules.PerformanceBar) / 100 }),
	scoreGauge("score_liveness_ratio", "Share of the target blocks of the last 7 days that were proved, however late.", func(s *live.Score) float64 { return s.Week.Liveness / 100 }),
	scoreGauge("score_liveness_bar_ratio", "Share that the cohort asks for; 0 where it asks for none.", func(s *live.Score) float64 { return float64(s.Rules.LivenessBar) / 100 }),
	scoreGauge("score_threshold_seconds", "Proving time below which a block counts as in time.", func(s *live.Score) float64 { return float64(s.Rules.ThresholdMS) / 1000 }),
	scoreGauge("score_blocks", "Target blocks of the last 7 days that are decided.", func(s *live.Score) float64 { return float64(s.Week.Blocks) }),
	scoreGauge("score_paralyzed_blocks", "Target blocks of the last 7 days that were announced and are not proved.", func(s *live.Score) float64 { return float64(s.Week.Paralyzers) }),
	gauge("score_forecast_ratio", "Share in time at the end of the week as the last 24 hours foretell it: as expected, and what 9 of 10 weeks lie between.", func(o *live.Overview, _ time.Time, add put) {
		if o.Score != nil && o.Score.Forecast != nil {
			f := o.Score.Forecast
			add(f.Performance/100, "expected")
			add(f.PerformanceLow/100, "low")
			add(f.PerformanceHigh/100, "high")
		}
	}, "bound"),
	gauge("score_misses_left", "Blocks of the week that may still miss the threshold before its bar is out of reach.", func(o *live.Overview, _ time.Time, add put) {
		if o.Score != nil && o.Score.Forecast != nil {
			add(float64(o.Score.Forecast.SlowLeft))
		}
	}),
}

// scoreGauge returns a gauge of the score. It has no value until there is a score.
func scoreGauge(name, help string, value func(*live.Score) float64) figure {
	return gauge(name, help, func(o *live.Overview, _ time.Time, add put) {
		if o.Score != nil {
			add(value(o.Score))
		}
	})
}

var machineFigures = []figure{
	gauge("machine_cpu_ratio", "Share of the machine's CPU time that is used.", func(o *live.Overview, _ time.Time, add put) { add(o.Hardware.CPUPercent / 100) }),
	gauge("machine_memory_used_bytes", "Memory of the machine that is used.", func(o *live.Overview, _ time.Time, add put) { add(float64(o.Hardware.MemoryUsed)) }),
	gauge("machine_memory_bytes", "Memory of the machine.", func(o *live.Overview, _ time.Time, add put) { add(float64(o.Hardware.MemoryTotal)) }),
	gauge("machine_disk_free_bytes", "Free room on the disk of the data folder.", func(o *live.Overview, _ time.Time, add put) { add(float64(o.Hardware.DiskFree)) }),
	gauge("machine_disk_bytes", "Size of the disk of the data folder.", func(o *live.Overview, _ time.Time, add put) { add(float64(o.Hardware.DiskTotal)) }),
	gauge("gpu_up", "1 while nvidia-smi lists the card, 0 once it does no more.", func(o *live.Overview, _ time.Time, add put) {
		for _, g := range o.Hardware.GPUs {
			add(boolValue(!g.Lost), strconv.Itoa(g.Index), g.Name)
		}
	}, "gpu", "name"),
	gpuGauge("gpu_utilization_ratio", "Share of the time in which the card was at work.", func(g live.GPU) float64 { return ratio(g.Percent, 100) }),
	gpuGauge("gpu_memory_used_bytes", "Memory of the card that is used.", func(g live.GPU) float64 { return float64(g.MemoryUsed) }),
	gpuGauge("gpu_memory_bytes", "Memory of the card.", func(g live.GPU) float64 { return float64(g.MemoryTotal) }),
	gpuGauge("gpu_temperature_celsius", "Temperature of the card.", func(g live.GPU) float64 { return g.Celsius }),
	gpuGauge("gpu_power_watts", "Power that the card draws.", func(g live.GPU) float64 { return g.Watts }),
	gpuGauge("gpu_throttled", "1 while the card's clocks are reduced by heat.", func(g live.GPU) float64 { return boolValue(g.Slowed) }),
	counter("gpu_energy_joules_total", "Energy that all cards have drawn since the host started.", func(o *live.Overview, _ time.Time, add put) { add(o.Hardware.Joules) }),
	gauge("proof_energy_joules", "Energy of a proof, the mean of the last 24 hours.", func(o *live.Overview, _ time.Time, add put) {
		if o.Day.EnergyWh > 0 {
			add(o.Day.EnergyWh * 3600)
		}
	}),
}

// gpuGauge returns a gauge with a value for every card. A negative value means that the
// card does not report it, and is left out.
func gpuGauge(name, help string, value func(live.GPU) float64) figure {
	return gauge(name, help, func(o *live.Overview, _ time.Time, add put) {
		for _, g := range o.Hardware.GPUs {
			if v := value(g); v >= 0 && !g.Lost {
				add(v, strconv.Itoa(g.Index))
			}
		}
	}, "gpu")
}

// ratio divides a value. It returns a negative one, which is unknown, unchanged.
func ratio(v, by float64) float64 {
	if v < 0 {
		return v
	}
	return v / by
}
