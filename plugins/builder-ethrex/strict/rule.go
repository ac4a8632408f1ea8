package strict

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rule checks a JSON value. It gets nil for an absent member. The text of its error continues
// a sentence that begins with the name of the member.
type rule func(json.RawMessage) error

// object holds the rules of an object's members. Other members are ignored.
type object map[string]rule

var errAbsent = errors.New("is missing")

func (o object) check(raw json.RawMessage) error {
	var have map[string]json.RawMessage
	if err := json.Unmarshal(raw, &have); err != nil || have == nil {
		return errors.New("is no object")
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if err := o[name](have[name]); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	return nil
}

// list returns a rule for an array that must be present, with a rule for each element.
func list(element rule) rule {
	return func(raw json.RawMessage) error {
		var have []json.RawMessage
		if raw == nil {
			return errAbsent
		}
		if err := json.Unmarshal(raw, &have); err != nil || have == nil {
			return errors.New("is no array")
		}
		for i, value := range have {
			if err := element(value); err != nil {
				return fmt.Errorf("[%d] %w", i, err)
			}
		}
		return nil
	}
}

// text returns a string that must be present.
func text(raw json.RawMessage) (string, error) {
	var have *string
	switch {
	case raw == nil:
		return "", errAbsent
	case json.Unmarshal(raw, &have) != nil:
		return "", errors.New("is no string")
	case have == nil:
		return "", errors.New("is null")
	}
	return *have, nil
}

// digits returns the text after 0x of a string that must be present.
func digits(raw json.RawMessage) (string, error) {
	have, err := text(raw)
	if err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(have, "0x")
	if !ok {
		return "", errors.New("does not begin with 0x")
	}
	return rest, nil
}

// byteString is the rule for hexadecimal text of any number of bytes.
func byteString(raw json.RawMessage) error {
	have, err := digits(raw)
	if err == nil {
		_, err = hex.DecodeString(have)
	}
	return err
}

// fixed returns the rule for hexadecimal text of n bytes.
func fixed(n int) rule {
	return func(raw json.RawMessage) error {
		have, err := digits(raw)
		switch {
		case err != nil:
			return err
		case len(have) != 2*n:
			return fmt.Errorf("has %d hexadecimal digits, not %d", len(have), 2*n)
		}
		_, err = hex.DecodeString(have)
		return err
	}
}

// number returns the rule for a number with at most so many bits. With padded it may have any
// number of leading zeros; otherwise it has at most 64 digits, because ethrex reads it as a
// U256.
func number(bits int, padded bool) rule {
	return func(raw json.RawMessage) error {
		have, err := digits(raw)
		if err != nil {
			return err
		}
		significant := strings.TrimLeft(have, "0")
		switch {
		case have == "":
			return errors.New("has no digit")
		case strings.Trim(have, "0123456789abcdefABCDEF") != "":
			return errors.New("is no hexadecimal number")
		case len(significant) > bits/4 || !padded && len(have) > 64:
			return fmt.Errorf("has more than %d bits", bits)
		}
		return nil
	}
}

// optional returns a rule that also accepts an absent value and null, and with empty also an
// empty string.
func optional(check rule, empty bool) rule {
	return func(raw json.RawMessage) error {
		if raw == nil {
			return nil
		}
		return nullable(check, empty)(raw)
	}
}

// nullable returns a rule that also accepts null, and with empty also an empty string. The
// member must be present.
func nullable(check rule, empty bool) rule {
	return func(raw json.RawMessage) error {
		if string(raw) == "null" || empty && string(raw) == `""` {
			return nil
		}
		return check(raw)
	}
}

// absentOr returns a rule that also accepts an absent value, but not null.
func absentOr(check rule) rule {
	return func(raw json.RawMessage) error {
		if raw == nil {
			return nil
		}
		return check(raw)
	}
}
