package pipeline

import (
	"fmt"
	"math"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/selection"
)

// scalar is a YAML scalar whose variables are replaced.
type scalar struct {
	text         string
	tag          string // "!!str", "!!int", …
	fromVariable bool
}

// problem says why a value does not fit. It is a finding without a place.
type problem struct{ summary, remedy string }

// typeNames are the names of YAML's tags as messages show them.
var typeNames = map[string]string{
	"!!str": "text", "!!int": "a number", "!!float": "a decimal number", "!!bool": "a boolean",
	"!!null": "nothing", "!!timestamp": "a date", "!!map": "a mapping", "!!seq": "a list",
}

func typeName(tag string) string {
	if name, ok := typeNames[tag]; ok {
		return name
	}
	return "a value with the tag " + tag
}

// wrongType returns the problem of a scalar whose type is not the wanted one.
func (s scalar) wrongType(want, remedy string) *problem {
	return &problem{fmt.Sprintf("want %s, got %s", want, typeName(s.tag)), remedy}
}

// quoted returns the value for a message. It hides a value that came from a variable.
func (s scalar) quoted() string {
	if s.fromVariable {
		return "the variable's value"
	}
	return strconv.Quote(s.text)
}

func parseText(s scalar, _ Key) (string, *problem) {
	if s.tag != "!!str" {
		return "", s.wrongType("text", fmt.Sprintf("put it in quotes: %q", s.text))
	}
	return s.text, nil
}

// parseFilled is parseText for values that must not be empty.
func parseFilled(s scalar, k Key) (string, *problem) {
	text, bad := parseText(s, k)
	if bad == nil && strings.TrimSpace(text) == "" {
		return "", &problem{"must not be empty", ""}
	}
	return text, bad
}

func parseBool(s scalar, _ Key) (bool, *problem) {
	if s.tag == "!!bool" || s.fromVariable {
		switch strings.ToLower(s.text) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	if s.fromVariable {
		return false, &problem{s.quoted() + " is no boolean", "true or false"}
	}
	return false, s.wrongType("a boolean", "true or false, without quotes")
}

// integer reads a YAML integer: decimal, 0x, 0o or 0b, with underscores. It refuses a
// leading zero, because YAML 1.1 and 1.2 read such a number differently.
func integer(text string) (*big.Int, bool) {
	digits := strings.TrimLeft(text, "+-")
	if len(digits) > 1 && digits[0] == '0' && '0' <= digits[1] && digits[1] <= '9' {
		return nil, false
	}
	if len(text) > 100 {
		return nil, false
	}
	return new(big.Int).SetString(text, 0)
}

// parseNumber reads a whole number within the key's bounds.
func parseNumber(s scalar, k Key) (uint64, *problem) {
	if s.tag != "!!int" && !s.fromVariable {
		remedy := ""
		if _, ok := integer(s.text); ok && s.tag == "!!str" {
			remedy = "write it without quotes: " + s.text
		}
		return 0, s.wrongType("a whole number", remedy)
	}
	low, high := numberBounds(k)
	n, ok := integer(s.text)
	switch {
	case !ok:
		return 0, &problem{s.quoted() + " is no whole number", ""}
	case !n.IsUint64() || n.Uint64() < low || n.Uint64() > high:
		return 0, &problem{fmt.Sprintf("%s is out of range", s.quoted()), rangeText(low, high)}
	}
	return n.Uint64(), nil
}

// parseDecimal reads a decimal number within the key's bounds, which are whole.
func parseDecimal(s scalar, k Key) (float64, *problem) {
	if s.tag != "!!int" && s.tag != "!!float" && !s.fromVariable {
		return 0, s.wrongType("a decimal number", "write it without quotes, such as 0.14")
	}
	v, err := strconv.ParseFloat(s.text, 64)
	low, high := numberBounds(k)
	switch {
	case err != nil:
		return 0, &problem{s.quoted() + " is no decimal number", "write it such as 0.14"}
	case !(v >= float64(low) && v <= float64(high)):
		return 0, &problem{fmt.Sprintf("%s is out of range", s.quoted()), rangeText(low, high)}
	}
	return v, nil
}

// numberBounds returns the inclusive bounds of a key's value. The entries of a list
// have none, because Max of a list bounds the number of its entries.
func numberBounds(k Key) (low, high uint64) {
	if k.List {
		return 0, math.MaxUint64
	}
	low, _ = strconv.ParseUint(k.Min, 10, 64)
	high, err := strconv.ParseUint(k.Max, 10, 64)
	if err != nil {
		high = math.MaxUint64
	}
	return low, high
}

func rangeText(low, high uint64) string {
	if high == math.MaxUint64 {
		return fmt.Sprintf("must be at least %d", low)
	}
	return fmt.Sprintf("must be from %d to %d", low, high)
}

// parseDuration reads a duration within the key's bounds. It also accepts 0 if 0 has a
// special meaning for the key.
func parseDuration(s scalar, k Key) (time.Duration, *problem) {
	const how = `write it as 90s, 15m or 168h`
	if s.tag != "!!str" && s.text != "0" {
		if s.tag == "!!int" {
			return 0, &problem{s.quoted() + " has no unit", "write " + s.text + "s for seconds, or 15m, 168h"}
		}
		return 0, s.wrongType("a duration", how)
	}
	d, err := time.ParseDuration(s.text)
	low, _ := time.ParseDuration(k.Min)
	high, errHigh := time.ParseDuration(k.Max)
	switch {
	case err != nil && beyondDuration(s.text):
		return 0, &problem{s.quoted() + " is too long", "must be at most " + k.Max}
	case err != nil:
		return 0, &problem{s.quoted() + " is no duration", how}
	case d == 0 && k.Zero != "":
		return 0, nil
	case d < low:
		remedy := "must be at least " + k.Min
		if k.Zero != "" {
			remedy += ", or 0s for " + k.Zero
		}
		return 0, &problem{s.quoted() + " is too short", remedy}
	case errHigh == nil && d > high:
		return 0, &problem{s.quoted() + " is too long", "must be at most " + k.Max}
	}
	return d, nil
}

// beyondDuration reports whether time.ParseDuration refuses a text only because its
// numbers are too large.
func beyondDuration(text string) bool {
	_, err := time.ParseDuration(numbers.ReplaceAllString(text, "1"))
	return err == nil && text[0] != '-'
}

var numbers = regexp.MustCompile(`[0-9]+`)

// parseWord reads one of the key's Words.
func parseWord(s scalar, k Key) (string, *problem) {
	text, bad := parseText(s, k)
	if bad != nil {
		return "", bad
	}
	if slices.Contains(k.Words, text) {
		return text, nil
	}
	summary := s.quoted() + " is none of " + strings.Join(k.Words, ", ")
	if s.fromVariable {
		return "", &problem{summary, ""}
	}
	return "", &problem{summary, didYouMean(text, k.Words)}
}

// parseName reads a name that is safe as part of a path and as a metric's label.
func parseName(s scalar, k Key) (string, *problem) {
	text, bad := parseFilled(s, k)
	if bad != nil {
		return "", bad
	}
	ok := len(text) <= 63
	for i, c := range []byte(text) {
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		ok = ok && (letter || i > 0 && (c == '-' || c == '_' || c == '.'))
	}
	if !ok {
		return "", &problem{s.quoted() + " is no usable name",
			"lower-case letters, digits, '-', '_' and '.', a letter or digit first, at most 63"}
	}
	return text, nil
}

func parseListen(s scalar, k Key) (string, *problem) {
	const how = `write host:port, for example "0.0.0.0:4000" or "127.0.0.1:4000"`
	text, bad := parseText(s, k)
	if bad != nil {
		return "", s.wrongType("an address", how)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", &problem{s.quoted() + " is no address to listen on", how}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", &problem{s.quoted() + " has no usable port", how}
	} else {
		port = strconv.FormatUint(n, 10)
	}
	return net.JoinHostPort(host, port), nil
}

// shard is one of Count equal parts of the targets. Index counts from 0.
type shard struct{ Index, Count uint64 }

// parseShard reads "1/4", the first of four parts.
func parseShard(s scalar, k Key) (shard, *problem) {
	const how = `write "1/4" for the first of four`
	text, bad := parseText(s, k)
	if bad != nil {
		return shard{}, s.wrongType("a shard", how)
	}
	first, second, _ := strings.Cut(text, "/")
	index, err1 := strconv.ParseUint(strings.TrimSpace(first), 10, 32)
	count, err2 := strconv.ParseUint(strings.TrimSpace(second), 10, 32)
	switch {
	case err1 != nil || err2 != nil:
		return shard{}, &problem{s.quoted() + " is no shard", how}
	case count == 0 || index == 0 || index > count:
		return shard{}, &problem{s.quoted() + " names no part of the whole", "the first number counts from 1 to the second"}
	}
	return shard{Index: index - 1, Count: count}, nil
}

// parseSample reads "1/10", which means one of ten targets, and returns 10.
func parseSample(s scalar, k Key) (uint64, *problem) {
	const how = `write "1/10" for one of ten`
	text, bad := parseText(s, k)
	if bad != nil {
		return 0, s.wrongType("a sample", how)
	}
	one, of, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(strings.TrimSpace(of), 10, 64)
	switch {
	case strings.TrimSpace(one) != "1" || err != nil:
		return 0, &problem{s.quoted() + " is no sample", how}
	case n == 0 || n > maxSample:
		return 0, &problem{s.quoted() + " is out of range", fmt.Sprintf("from 1/1 to 1/%d", maxSample)}
	}
	return n, nil
}

// maxSample is the largest second number of a sample.
const maxSample = 1_000_000

// maxEdgeNumber is the largest block number at which a window begins or ends. A
// larger number is probably the time of a fork in seconds, as in genesis files.
const maxEdgeNumber = 1_000_000_000

// parseEdge reads a block number, or a time such as "2026-10-06T13:53:36Z".
func parseEdge(s scalar, _ Key) (selection.Edge, *problem) {
	const how = `write a block number, or a time such as "2026-10-06T13:53:36Z"`
	if n, ok := integer(s.text); ok && (s.tag == "!!int" || s.fromVariable) {
		switch {
		case n.Sign() <= 0:
			return selection.Edge{}, &problem{s.quoted() + " is out of range", "leave the key out for no bound, or " + how}
		case !n.IsInt64() || n.Int64() > 1<<38:
			return selection.Edge{}, &problem{s.quoted() + " is out of range", how}
		case n.Uint64() > maxEdgeNumber:
			return selection.Edge{}, &problem{s.quoted() + " is too large for a block number", fmt.Sprintf("if it is a time in seconds, write %q", time.Unix(n.Int64(), 0).UTC().Format(time.RFC3339))}
		}
		return selection.Edge{Number: n.Uint64()}, nil
	}
	if s.tag != "!!str" && s.tag != "!!timestamp" {
		return selection.Edge{}, s.wrongType("a block number or a time", how)
	}
	at, err := time.Parse(time.RFC3339, s.text)
	if err != nil || at.Unix() <= 0 {
		return selection.Edge{}, &problem{s.quoted() + " is neither a block number nor a time", how}
	}
	return selection.Edge{Time: at.UTC()}, nil
}

// parseUser reads the name of a user, its number, or UID:GID.
func parseUser(s scalar, k Key) (string, *problem) {
	if s.tag == "!!int" {
		s.tag = "!!str"
	}
	return parseText(s, k)
}

// parseVariableName reads the name of an environment variable. A trailing * stands
// for any ending.
func parseVariableName(s scalar, k Key) (string, *problem) {
	text, bad := parseText(s, k)
	if bad == nil && !isVariableName(strings.TrimSuffix(text, "*")) {
		return "", &problem{s.quoted() + " is no variable name", "list names only, without values: env: [ZISK_HOME, ROCM_*]"}
	}
	return text, bad
}
