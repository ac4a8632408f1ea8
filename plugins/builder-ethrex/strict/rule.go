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

// rule is what a value must be. Absent is a nil value.
type rule func(json.RawMessage) error

// object is a rule for each member that counts; all others are passed over.
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

// list is a rule for each element of an array, which must be there.
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

// text returns a string that must be there.
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

// digits returns what follows 0x.
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

// byteString is any number of bytes; fixed is so many.
func byteString(raw json.RawMessage) error {
	have, err := digits(raw)
	if err == nil {
		_, err = hex.DecodeString(have)
	}
	return err
}

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

// number is a number of so many bits; ethrex takes zeros before it only where the
// number has its own type rather than that of 256 bits.
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

// optional takes an absent value and null, and where it says so an empty string.
func optional(check rule, empty bool) rule {
	return func(raw json.RawMessage) error {
		if raw == nil {
			return nil
		}
		return nullable(check, empty)(raw)
	}
}

// nullable takes null, but requires the member.
func nullable(check rule, empty bool) rule {
	return func(raw json.RawMessage) error {
		if string(raw) == "null" || empty && string(raw) == `""` {
			return nil
		}
		return check(raw)
	}
}

// absentOr takes an absent value, but not null.
func absentOr(check rule) rule {
	return func(raw json.RawMessage) error {
		if raw == nil {
			return nil
		}
		return check(raw)
	}
}
