package ethproofstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"
)

// A rule is the rule of the site's schema for one field. Its issues have the texts and
// the key order of zod 3.
type rule struct {
	name     string
	kind     string // number or string
	optional bool
	checks   []func(path string, value any) string // each returns an issue as JSON, or ""
}

var (
	writeRules = []rule{
		{name: "block_number", kind: "number", checks: checks(atLeast0("block_number must be a positive number"))},
		{name: "cluster_id", kind: "number"},
	}
	provedRules = append(writeRules[:2:2],
		rule{name: "proving_time", kind: "number", checks: checks(positive("proving_time must be a positive number"))},
		rule{name: "proving_cycles", kind: "number", optional: true,
			checks: checks(integer, positive("proving_cycles must be a positive integer"))},
		rule{name: "proof", kind: "string"},
		rule{name: "verifier_id", kind: "string", optional: true},
	)
	clusterRules = []rule{
		{name: "name", kind: "string", checks: checks(atMost(50))},
		{name: "zkvm_version_id", kind: "number", checks: checks(integer, positive("Number must be greater than 0"))},
		{name: "num_gpus", kind: "number", optional: true,
			checks: checks(integer, positive("Number must be greater than 0"))},
		{name: "hardware_description", kind: "string", optional: true, checks: checks(atMost(200))},
		{name: "deployment_type", kind: "string", optional: true, checks: checks(deployment)},
	}
	clusterUpdateRules = []rule{
		{name: "name", kind: "string", optional: true, checks: checks(atMost(50))},
		{name: "num_gpus", kind: "number", optional: true,
			checks: checks(integer, positive("Number must be greater than 0"))},
		{name: "hardware_description", kind: "string", optional: true, checks: checks(atMost(200))},
		{name: "is_active", kind: "boolean", optional: true},
		{name: "zkvm_version_id", kind: "number", optional: true,
			checks: checks(integer, positive("Number must be greater than 0"))},
		{name: "vk_path", kind: "string", optional: true},
	}
)

func checks(fns ...func(string, any) string) []func(string, any) string { return fns }

// validate returns the object, or the issues as JSON with an indentation of two spaces.
// Unknown keys are allowed.
func validate(value any, rules []rule) (object map[string]any, issues string) {
	object, isObject := value.(map[string]any)
	if !isObject {
		return nil, array([]string{fmt.Sprintf(
			`{"code":"invalid_type","expected":"object","received":%q,"path":[],"message":"Expected object, received %s"}`,
			typeOf(value, true), typeOf(value, true))})
	}
	var found []string
	for _, r := range rules {
		field, present := object[r.name]
		if !present && r.optional {
			continue
		}
		if got := typeOf(field, present); got != r.kind {
			message := fmt.Sprintf("Expected %s, received %s", r.kind, got)
			if !present {
				message = "Required"
			}
			found = append(found, fmt.Sprintf(
				`{"code":"invalid_type","expected":%q,"received":%q,"path":[%q],"message":%q}`, r.kind, got, r.name, message))
			continue
		}
		for _, check := range r.checks {
			if issue := check(r.name, field); issue != "" {
				found = append(found, issue)
			}
		}
	}
	if found != nil {
		return nil, array(found)
	}
	return object, ""
}

func array(issues []string) string {
	var out bytes.Buffer
	joined := "[" + string(bytes.Join(byteSlices(issues), []byte(","))) + "]"
	if err := json.Indent(&out, []byte(joined), "", "  "); err != nil {
		panic(fmt.Sprintf("ethproofstest: issue %s: %v", joined, err))
	}
	return out.String()
}

func byteSlices(texts []string) [][]byte {
	out := make([][]byte, len(texts))
	for i, text := range texts {
		out[i] = []byte(text)
	}
	return out
}

// typeOf names the type as zod does.
func typeOf(value any, present bool) string {
	switch value.(type) {
	case nil:
		if !present {
			return "undefined"
		}
		return "null"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	}
	return "object"
}

func atLeast0(message string) func(string, any) string {
	return func(path string, value any) string {
		if value.(float64) >= 0 {
			return ""
		}
		return fmt.Sprintf(`{"code":"too_small","minimum":0,"type":"number","inclusive":true,"exact":false,"message":%q,"path":[%q]}`,
			message, path)
	}
}

func positive(message string) func(string, any) string {
	return func(path string, value any) string {
		if value.(float64) > 0 {
			return ""
		}
		return fmt.Sprintf(`{"code":"too_small","minimum":0,"type":"number","inclusive":false,"exact":false,"message":%q,"path":[%q]}`,
			message, path)
	}
}

func integer(path string, value any) string {
	if isInteger(value.(float64)) {
		return ""
	}
	return fmt.Sprintf(`{"code":"invalid_type","expected":"integer","received":"float","message":"Expected integer, received float","path":[%q]}`, path)
}

func atMost(length int) func(string, any) string {
	return func(path string, value any) string {
		if utf8.RuneCountInString(value.(string)) <= length {
			return ""
		}
		return fmt.Sprintf(`{"code":"too_big","maximum":%d,"type":"string","inclusive":true,"exact":false,"message":"String must contain at most %d character(s)","path":[%q]}`,
			length, length, path)
	}
}

func deployment(path string, value any) string {
	if v := value.(string); v == "cloud-hosted" || v == "on-prem" {
		return ""
	}
	return fmt.Sprintf(`{"received":%q,"code":"invalid_enum_value","options":["cloud-hosted","on-prem"],"path":[%q],"message":"Invalid enum value. Expected 'cloud-hosted' | 'on-prem', received '%s'"}`,
		value, path, value)
}

func isInteger(f float64) bool { return f == math.Trunc(f) && !math.IsInf(f, 0) }
