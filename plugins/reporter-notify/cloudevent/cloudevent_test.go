package cloudevent

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

var at = time.Date(2026, 11, 22, 12, 0, 13, 500_000_000, time.UTC)

func TestEncode(t *testing.T) {
	event := contract.Event{ID: "mainnet/ethproofs/17", Kind: contract.EventProved, Pipeline: "main net", Stage: "prove", Time: at.In(time.FixedZone("", 3600)),
		Block: &contract.Block{ChainID: 1, Number: 24000100, Hash: contract.Hash{0xab}, GasUsed: 5, TxCount: 2, Time: at},
		Facts: map[string]string{"proving_time_ms": "8123"}, Try: 1,
		Artifacts: []contract.Artifact{{Name: "proof.bin", Path: "in/proof.bin", Size: 3, SHA256: [32]byte{0xcd}, Role: contract.RoleProof}}}
	got, err := Encode(event, "")
	want := `{"specversion":"1.0","id":"mainnet/ethproofs/17","source":"/proofline/main%20net","type":"io.github.proofline.block.proved",` +
		`"subject":"block/24000100","time":"2026-11-22T12:00:13.5Z","datacontenttype":"application/json",` +
		`"data":{"kind":"proved","pipeline":"main net","stage":"prove","block":{"chain_id":1,"number":24000100,` +
		`"hash":"0xab` + strings.Repeat("00", 31) + `","parent_hash":"0x` + strings.Repeat("00", 32) + `","time":"2026-11-22T12:00:13.5Z","gas_used":5,"tx_count":2},` +
		`"facts":{"proving_time_ms":"8123"},"artifacts":[{"name":"proof.bin","size":3,"sha256":"cd` + strings.Repeat("00", 31) + `","role":"proof"}]}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	event.Try, event.Dir = 7, "/elsewhere"
	if again, _ := Encode(event, ""); string(again) != want {
		t.Error("another try has other bytes")
	}

	alert, err := Encode(contract.Event{ID: "1", Kind: contract.EventNodeDown, Pipeline: "p", Stage: "source", Time: at}, "urn:rack4")
	want = `{"specversion":"1.0","id":"1","source":"urn:rack4","type":"io.github.proofline.alert.node_down","subject":"stage/source",` +
		`"time":"2026-11-22T12:00:13.5Z","datacontenttype":"application/json","data":{"kind":"node_down","pipeline":"p","stage":"source","facts":{}}}`
	if err != nil || string(alert) != want {
		t.Errorf("got  %s, %v\nwant %s", alert, err, want)
	}
	for kind, want := range map[contract.EventKind]string{contract.EventAccepted: "block.accepted", contract.EventFailed: "block.failed", contract.EventProverStuck: "alert.prover_stuck"} {
		line, err := Encode(contract.Event{ID: "1", Kind: kind, Block: event.Block}, "")
		if err != nil || !strings.Contains(string(line), `"type":"io.github.proofline.`+want+`"`) {
			t.Errorf("%s: %s, %v", kind, line, err)
		}
	}
	if _, err := Encode(contract.Event{Kind: contract.EventNodeDown}, ""); err == nil {
		t.Error("an event without an id was taken")
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("id", "pipeline", "stage", "reason\nwith lines\u2028and more")
	f.Fuzz(func(t *testing.T, id, pipeline, stage, reason string) {
		line, err := Encode(contract.Event{ID: id, Kind: contract.EventFailed, Pipeline: pipeline, Stage: stage, Facts: map[string]string{"reason": reason}}, "")
		if err != nil {
			return
		}
		var back Event
		if json.Unmarshal(line, &back) != nil || strings.ContainsAny(string(line), "\n\r") {
			t.Errorf("not one line of JSON: %q", line)
		}
	})
}

// TestSign checks a signature that was computed apart from this code:
//
//	printf 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' |
//	openssl dgst -sha256 -mac HMAC -macopt hexkey:$(base64 -d <<<MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | xxd -p) -binary | base64
func TestSign(t *testing.T) {
	key, err := ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	header := key.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if got := header.Get("webhook-signature"); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
	if header.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || header.Get("webhook-timestamp") != "1614265330" {
		t.Errorf("headers %v", header)
	}
}

func TestParseKey(t *testing.T) {
	for secret, ok := range map[string]bool{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": true, "sixteen bytes at least": true,
		"short": false, "whsec_short": false, "whsec_not base64 at all!": false, "whsec_c2hvcnQ=": false,
	} {
		if _, err := ParseKey(secret); (err == nil) != ok || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", secret, err)
		}
	}
}
