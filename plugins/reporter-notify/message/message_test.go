package message

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

var at = time.Date(2026, 11, 22, 12, 0, 13, 0, time.UTC)

// TestTwoEndsOfAnOutage: a pager must find the alert that a recovery ends.
func TestTwoEndsOfAnOutage(t *testing.T) {
	compose := func(kind contract.EventKind, stage string) Message {
		return Sender{}.Compose(contract.Event{Kind: kind, Pipeline: "mainnet", Stage: stage})
	}
	down, up, other := compose(contract.EventStageDown, "prove"), compose(contract.EventStageRecovered, "prove"), compose(contract.EventStageDown, "source")
	if down.Subject != up.Subject || down.Ends || !up.Ends || down.Subject == other.Subject {
		t.Errorf("down %q, up %q, another stage %q", down.Subject, up.Subject, other.Subject)
	}
}

func TestClip(t *testing.T) {
	if got := Clip("ééééé", 3); got != "éé…" {
		t.Errorf("%q", got)
	}
	if got := EscapeHTML("a<b>&c", 12); got != "a&lt;b&gt;…" {
		t.Errorf("%q", got)
	}
	if got := EscapeHTML(strings.Repeat("<", 100), 10); got != "&lt;&lt;…" {
		t.Errorf("%q", got)
	}
}

func TestFigures(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "20000100": "20,000,100", "many": "many", "": ""} {
		if got := thousands(text); got != want {
			t.Errorf("thousands(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"8123": "8.12 s", "1": "0.00 s", "59999": "60.00 s", "61500": "1m2s", "soon": "soon"} {
		if got := seconds(text); got != want {
			t.Errorf("seconds(%q) = %q, want %q", text, got, want)
		}
	}
	if got := countNames("RTX 5090\nRTX 5090\n\nRTX 4090\n"); got != "2 × RTX 5090, RTX 4090" {
		t.Errorf("countNames: %q", got)
	}
	if got := gibibytes("263856084 kB"); got != "252 GiB" {
		t.Errorf("gibibytes: %q", got)
	}
}

func event(id string, kind contract.EventKind, reason string) contract.Event {
	return contract.Event{ID: id, Kind: kind, Stage: "prove", Facts: map[string]string{contract.FactReason: reason}}
}

func TestAlikeAlertsAreOneMessageAndACount(t *testing.T) {
	throttle := NewThrottle(10, 15*time.Minute)
	now := at
	admit := func(e contract.Event, want bool) {
		t.Helper()
		got := throttle.Admit(e, now)
		if got != want {
			t.Errorf("%s: admitted %t, want %t", e.ID, got, want)
		}
		if got {
			throttle.Sent(e, now)
		}
	}
	admit(event("1", contract.EventFailed, "out of memory"), true)
	admit(event("1", contract.EventFailed, "out of memory"), false) // delivered again by the host: not counted
	for i := range 5 {
		admit(event(fmt.Sprint("again ", i), contract.EventFailed, "out of memory"), false)
	}
	admit(event("2", contract.EventFailed, "another reason"), true)
	admit(event("3", contract.EventProverStuck, "out of memory"), true)
	admit(event("4", contract.EventProved, ""), true)
	admit(event("5", contract.EventProved, ""), true)
	admit(event("4a", contract.EventAccepted, ""), true)
	admit(event("5a", contract.EventAccepted, ""), true)

	if left := throttle.TakeLeftOut(now.Add(14*time.Minute), false); left != nil {
		t.Errorf("a digest before its time: %v", left)
	}
	now = now.Add(15 * time.Minute)
	left := throttle.TakeLeftOut(now, false)
	if len(left) != 1 || left[0].Count != 5 || left[0].What != "failed (prove): out of memory" || !left[0].Since.Equal(at) {
		t.Errorf("left out: %+v", left)
	}
	throttle.GiveBack(left)
	if again := throttle.TakeLeftOut(now, true); len(again) != 1 || again[0] != left[0] {
		t.Errorf("given back: %+v", again)
	}
	admit(event("6", contract.EventFailed, "out of memory"), true) // the window is over
}

func TestRate(t *testing.T) {
	throttle := NewThrottle(10, time.Minute)
	now := at
	admitted := 0
	for i := range 100 {
		e := event(fmt.Sprint(i), contract.EventProved, "")
		if throttle.Admit(e, now) {
			admitted++
			throttle.Sent(e, now)
		}
	}
	if admitted != 10 {
		t.Errorf("%d messages at once, want 10", admitted)
	}
	now = now.Add(time.Minute)
	if left := throttle.TakeLeftOut(now, false); len(left) != 1 || left[0].Count != 90 || left[0].What != "proved" {
		t.Errorf("left out: %+v", left)
	}
}

func TestUndeliveredIsAdmittedAgain(t *testing.T) {
	throttle := NewThrottle(10, time.Hour)
	e := event("1", contract.EventFailed, "x")
	if !throttle.Admit(e, at) || !throttle.Admit(e, at.Add(time.Second)) {
		t.Error("a message that did not arrive must be tried again")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	throttle := NewThrottle(10, time.Second)
	for i := range 10_000 {
		e := event(fmt.Sprint(i), contract.EventFailed, fmt.Sprint(i))
		throttle.Admit(e, at)
		throttle.Sent(e, at.Add(time.Duration(i)*time.Second))
	}
	if len(throttle.seen) > maxSeen || len(throttle.last) > 2 {
		t.Errorf("%d ids and %d likenesses are maxSeen", len(throttle.seen), len(throttle.last))
	}
}

// TestEveryKindHasATitle holds the table of icons and titles against the SDK's kinds of
// event: a new kind must be worded here.
func TestEveryKindHasATitle(t *testing.T) {
	for _, kind := range contract.EventKinds() {
		if k := kinds[kind]; k.title == "" || k.icon == (Icon{}) {
			t.Errorf("the event %s has no icon or no title", kind)
		}
	}
}
