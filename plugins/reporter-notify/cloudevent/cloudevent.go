// Package cloudevent encodes events as CloudEvents 1.0 in JSON, in structured mode
// (cloudevents/spec:cloudevents/spec.md and formats/json-format.md@v1.0.2). It signs them
// by the rules of Standard Webhooks
// (standard-webhooks/standard-webhooks:spec/standard-webhooks.md).
package cloudevent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// ContentType is the content type of a single event in structured mode.
const ContentType = "application/cloudevents+json; charset=utf-8"

// TypePrefix begins the type of every event. It is followed by "alert.<kind>" for an
// alert and by "block.<kind>" for an event of a block.
const TypePrefix = "io.github.proofline."

// Event is the envelope of an event. An event is encoded to the same bytes at every try.
type Event struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Source          string `json:"source"` // "/proofline/<pipeline>" unless configured
	Type            string `json:"type"`
	Subject         string `json:"subject,omitempty"` // "block/<number>" or "stage/<name>"
	Time            string `json:"time"`              // RFC 3339
	DataContentType string `json:"datacontenttype"`
	Data            Data   `json:"data"`
}

// Data is the content of an event.
type Data struct {
	Kind      contract.EventKind `json:"kind"`
	Pipeline  string             `json:"pipeline"`
	Stage     string             `json:"stage,omitempty"`
	Block     *contract.Block    `json:"block,omitempty"`
	Facts     map[string]string  `json:"facts"`
	Artifacts []Artifact         `json:"artifacts,omitempty"`
}

// Artifact describes a file of the event. The bytes of the file are not sent.
type Artifact struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // hexadecimal
	Role   string `json:"role,omitempty"`
}

// Encode returns the JSON of an event on one line, without a line break at the end. An
// empty source means "/proofline/<pipeline>". An event without an id is an error.
func Encode(event contract.Event, source string) ([]byte, error) {
	if event.ID == "" {
		return nil, errors.New("the event has no id")
	}
	if source == "" {
		source = "/proofline/" + url.PathEscape(event.Pipeline)
	}
	e := Event{
		SpecVersion: "1.0", ID: event.ID, Source: source, Type: TypePrefix + "block." + string(event.Kind),
		Time: event.Time.UTC().Format(time.RFC3339Nano), DataContentType: "application/json",
		Data: Data{Kind: event.Kind, Pipeline: event.Pipeline, Stage: event.Stage, Block: event.Block, Facts: event.Facts},
	}
	if event.Kind.IsAlert() {
		e.Type = TypePrefix + "alert." + string(event.Kind)
	}
	switch {
	case event.Block != nil:
		e.Subject = "block/" + strconv.FormatUint(event.Block.Number, 10)
	case event.Stage != "":
		e.Subject = "stage/" + event.Stage
	}
	if e.Data.Facts == nil {
		e.Data.Facts = map[string]string{}
	}
	for _, a := range event.Artifacts {
		e.Data.Artifacts = append(e.Data.Artifacts, Artifact{a.Name, a.Size, hex.EncodeToString(a.SHA256[:]), a.Role})
	}
	return json.Marshal(e)
}

// Key is a key that signs requests.
type Key []byte

// ParseKey returns the key of a secret: the decoded base64 after "whsec_", or the bytes
// of any other text. A key of fewer than 16 bytes is an error, which never shows it.
func ParseKey(secret string) (Key, error) {
	key := Key(secret)
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, errors.New("what follows whsec_ is not base64")
		}
		key = decoded
	}
	if len(key) < 16 {
		return nil, fmt.Errorf("the key has %d bytes: want at least 16, better 32", len(key))
	}
	return key, nil
}

// Sign returns the headers of a signed request: webhook-id, webhook-timestamp (seconds
// since 1970) and webhook-signature. The signature is "v1," and the base64 of the
// HMAC-SHA256 of "<id>.<timestamp>.<body>".
func (k Key) Sign(id string, now time.Time, body []byte) http.Header {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, k)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	header := http.Header{}
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", timestamp)
	header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return header
}
