package pipeline

import (
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"strconv"
	"strings"
	"time"
)

// scalar is a YAML scalar after its variables were replaced.
type scalar struct {
	text         string
	tag          string // "!!str", "!!int", …
	fromVariable bool
}

// problem is why a value does not fit: a finding without a place.
type problem struct{ summary, remedy string }

// typeNames are the words for YAML's tags.
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

// wrongType describes a scalar of another type than the wanted one.
func (s scalar) wrongType(want, remedy string) *problem {
	return &problem{fmt.Sprintf("want %s, got %s", want, typeName(s.tag)), remedy}
}

// quoted is the value for a message, hidden when it came from a variable.
func (s scalar) quoted() string {
	if s.fromVariable {
		return "the variable's value"
	}
	return strconv.Quote(s.text)
}

func parseText(s scalar) (string, *problem) {
	if s.tag != "!!str" {
		return "", s.wrongType("text", fmt.Sprintf("put it in quotes: %q", s.text))
	}
	return s.text, nil
}

// parseFilled is parseText for values that must not be empty.
func parseFilled(s scalar) (string, *problem) {
	text, bad := parseText(s)
	if bad == nil && strings.TrimSpace(text) == "" {
		return "", &problem{"must not be empty", ""}
	}
	return text, bad
}

func parseBool(s scalar) (bool, *problem) {
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

// integer reads a YAML integer: decimal, 0x, 0o, 0b, with underscores. A
// leading zero is refused, because YAML 1.1 and 1.2 read it differently.
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

// parseNumber returns a parser of whole numbers from low to high, inclusive.
func parseNumber(low, high uint64) func(scalar) (uint64, *problem) {
	return func(s scalar) (uint64, *problem) {
		if s.tag != "!!int" && !s.fromVariable {
			remedy := ""
			if _, ok := integer(s.text); ok && s.tag == "!!str" {
				remedy = "write it without quotes: " + s.text
			}
			return 0, s.wrongType("a whole number", remedy)
		}
		n, ok := integer(s.text)
		switch {
		case !ok:
			return 0, &problem{s.quoted() + " is no whole number", ""}
		case !n.IsUint64() || n.Uint64() < low || n.Uint64() > high:
			return 0, &problem{fmt.Sprintf("%s is out of range", s.quoted()), rangeText(low, high)}
		}
		return n.Uint64(), nil
	}
}

func rangeText(low, high uint64) string {
	if high == maxNumber {
		return fmt.Sprintf("must be at least %d", low)
	}
	return fmt.Sprintf("must be from %d to %d", low, high)
}

// parseDuration returns a parser of durations from low on, and of 0 where
// zeroMeans says what that stands for.
func parseDuration(low time.Duration, zeroMeans string) func(scalar) (time.Duration, *problem) {
	const how = `write it as 90s, 15m or 168h`
	return func(s scalar) (time.Duration, *problem) {
		if s.tag != "!!str" && s.text != "0" {
			if s.tag == "!!int" {
				return 0, &problem{s.quoted() + " has no unit", "write " + s.text + "s for seconds, or 15m, 168h"}
			}
			return 0, s.wrongType("a duration", how)
		}
		d, err := time.ParseDuration(s.text)
		switch {
		case err != nil:
			return 0, &problem{s.quoted() + " is no duration", how}
		case d == 0 && zeroMeans != "":
			return 0, nil
		case d < low:
			remedy := "must be at least " + low.String()
			if zeroMeans != "" {
				remedy += ", or 0s for " + zeroMeans
			}
			return 0, &problem{s.quoted() + " is too short", remedy}
		}
		return d, nil
	}
}

// parseWord returns a parser of one of a few words.
func parseWord[T ~string](words ...T) func(scalar) (T, *problem) {
	return func(s scalar) (T, *problem) {
		text, bad := parseText(s)
		if bad != nil {
			return "", bad
		}
		names := make([]string, len(words))
		for i, word := range words {
			if names[i] = string(word); names[i] == text {
				return word, nil
			}
		}
		summary := s.quoted() + " is none of " + strings.Join(names, ", ")
		if s.fromVariable {
			return "", &problem{summary, ""}
		}
		return "", &problem{summary, didYouMean(text, names)}
	}
}

func parseLevel(s scalar) (slog.Level, *problem) {
	s.text = strings.ToLower(s.text)
	word, bad := parseWord("debug", "info", "warning", "warn", "error")(s)
	switch word {
	case "debug":
		return slog.LevelDebug, bad
	case "warning", "warn":
		return slog.LevelWarn, bad
	case "error":
		return slog.LevelError, bad
	}
	return slog.LevelInfo, bad
}

// parseName reads a name that may become part of a path or a metric's label.
func parseName(s scalar) (string, *problem) {
	text, bad := parseFilled(s)
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

func parseListen(s scalar) (string, *problem) {
	const how = `write host:port, for example "0.0.0.0:4000" or "127.0.0.1:4000"`
	text, bad := parseText(s)
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

// shard is one of Count equal parts; Index counts from 0.
type shard struct{ Index, Count uint64 }

// parseShard reads "1/4", the first of four parts.
func parseShard(s scalar) (shard, *problem) {
	const how = `write "1/4" for the first of four`
	text, bad := parseText(s)
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

// parseVariableName reads the name of an environment variable; a trailing *
// stands for any ending.
func parseVariableName(s scalar) (string, *problem) {
	text, bad := parseText(s)
	if bad == nil && !isVariableName(strings.TrimSuffix(text, "*")) {
		return "", &problem{s.quoted() + " is no variable name", "list names only, without values: env: [ZISK_HOME, ROCM_*]"}
	}
	return text, bad
}
