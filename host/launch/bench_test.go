package launch

import (
	"context"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// BenchmarkStartStop measures the start of a plugin until it is configured, and its stop.
func BenchmarkStartStop(b *testing.B) {
	spec := chaosSpec(b, "")
	for b.Loop() {
		p, err := Launch(b.Context(), spec)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHealth(b *testing.B) {
	p := launch(b, chaosSpec(b, ""))
	for b.Loop() {
		if _, err := p.Health(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWork measures one work call with a hundred events.
func BenchmarkWork(b *testing.B) {
	p := launch(b, chaosSpec(b, ""))
	work := contract.Task{Job: "count", Block: contract.Block{Number: 7}}
	for b.Loop() {
		if _, err := p.Do(context.Background(), work, ignore); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	log := newLineLog(quiet, 8)
	line := []byte(`{"@level":"debug","@message":"proving","@timestamp":"2026-01-02T03:04:05.000000Z","block":23000000,"phase":"GENERATING_PROOFS"}`)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		log.line(line)
	}
}
