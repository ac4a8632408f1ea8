package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk"
)

// reader reads the lines of one run. Its methods are not called concurrently.
type reader struct {
	progress    []rule
	permanent   []*regexp.Regexp
	environment []*regexp.Regexp
	time        *regexp.Regexp
	config      *Config
	onProgress  func(sdk.Progress)

	firstSign string    // the first line that matches a pattern of Errors
	class     sdk.Class // class of firstSign
	took      float64   // the program's own time, in the configured unit
	timed     bool      // took was read
}

// rule is a compiled ProgressRule.
type rule struct {
	*regexp.Regexp
	phase string
}

func (c *Config) reader(onProgress func(sdk.Progress)) *reader {
	r := &reader{config: c, onProgress: onProgress}
	for _, p := range c.Progress {
		r.progress = append(r.progress, rule{regexp.MustCompile(p.Pattern), p.Phase})
	}
	for _, p := range c.Errors.Permanent {
		r.permanent = append(r.permanent, regexp.MustCompile(p))
	}
	for _, p := range c.Errors.Environment {
		r.environment = append(r.environment, regexp.MustCompile(p))
	}
	if c.Time != nil && c.Time.Pattern != "" {
		r.time = regexp.MustCompile(c.Time.Pattern)
	}
	return r
}

func (r *reader) line(text string) {
	for _, rule := range r.progress {
		if match := rule.FindStringSubmatch(text); match != nil {
			r.onProgress(rule.read(match))
			break
		}
	}
	fits := func(re *regexp.Regexp) bool { return re.MatchString(text) }
	if r.firstSign == "" {
		switch {
		case slices.ContainsFunc(r.environment, fits):
			r.firstSign, r.class = text, sdk.ClassEnvironment
		case slices.ContainsFunc(r.permanent, fits):
			r.firstSign, r.class = text, sdk.ClassPermanent
		}
	}
	if r.time != nil {
		if match := r.time.FindStringSubmatch(text); match != nil {
			if n, err := strconv.ParseFloat(match[1], 64); err == nil && n >= 0 {
				if r.config.Time.Combine == "sum" {
					n += r.took
				}
				r.took, r.timed = n, true
			}
		}
	}
}

// read makes a progress from the groups of a match.
func (r rule) read(match []string) sdk.Progress {
	p := sdk.Progress{Phase: r.phase, Fraction: -1}
	number := map[string]float64{}
	for i, name := range r.SubexpNames() {
		switch name {
		case "phase":
			if p.Phase == "" {
				p.Phase = strings.ToUpper(strings.Join(strings.Fields(match[i]), "_"))
			}
		case "note":
			p.Note = match[i]
		case "percent", "done", "total":
			if n, err := strconv.ParseFloat(match[i], 64); err == nil {
				number[name] = n
			}
		}
	}
	if percent, ok := number["percent"]; ok {
		p.Fraction = percent / 100
	} else if total := number["total"]; total > 0 {
		p.Fraction = number["done"] / total
	}
	p.Fraction = min(p.Fraction, 1)
	if p.Phase == "" {
		p.Phase = "RUNNING"
	}
	return p
}

var units = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "min": time.Minute}

func (t *Time) duration(n float64) time.Duration { return time.Duration(n * float64(units[t.Unit])) }

// maxFacts is how many bytes of the file of facts are read.
const maxFacts = 16 << 20

// readFacts reads the configured facts and the time from the file of facts. It returns
// what it could read together with an error that names what is missing.
func (c *Config) readFacts(work string) (facts map[string]string, took time.Duration, err error) {
	facts = maps.Clone(c.Facts.Set)
	if facts == nil {
		facts = map[string]string{}
	}
	if c.Facts.File == "" {
		return facts, 0, nil
	}
	f, err := os.Open(filepath.Join(work, c.Facts.File))
	if err != nil {
		return facts, 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFacts))
	if err != nil {
		return facts, 0, err
	}
	var doc any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		return facts, 0, fmt.Errorf("%s: %w", c.Facts.File, err)
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Facts.Pointers)) {
		value, err := lookup(doc, c.Facts.Pointers[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: fact %s: %w", c.Facts.File, name, err))
			continue
		}
		facts[name] = value
	}
	if c.Time != nil && c.Time.Pointer != "" {
		value, err := lookup(doc, c.Time.Pointer)
		n, notNumber := strconv.ParseFloat(value, 64)
		if err = errors.Join(err, notNumber); err == nil && n >= 0 {
			took = c.Time.duration(n)
		} else {
			problems = append(problems, fmt.Errorf("%s: time: %w", c.Facts.File, err))
		}
	}
	return facts, took, errors.Join(problems...)
}

// lookup returns the text of the scalar that an RFC 6901 pointer names.
func lookup(doc any, pointer string) (string, error) {
	for _, step := range strings.Split(pointer, "/")[1:] {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		var ok bool
		switch at := doc.(type) {
		case map[string]any:
			doc, ok = at[step]
		case []any:
			var i int
			i, err := strconv.Atoi(step)
			if ok = err == nil && i >= 0 && i < len(at); ok {
				doc = at[i]
			}
		}
		if !ok {
			return "", fmt.Errorf("there is nothing at %s", pointer)
		}
	}
	switch v := doc.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("what is at %s is no text, number or boolean", pointer)
}
