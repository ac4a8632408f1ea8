package sdktest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/proofline/proofline/sdk/contract"
)

var factForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)

// configTraits compares the traits of a check, offline and not, with the traits of the
// configured plugin, which may add facts but must not change or remove any.
func configTraits(ctx context.Context, r *run) error {
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	var checked []contract.Traits
	for _, offline := range []bool{true, false} {
		a, err := i.Assess(ctx, r.suite.Config, offline)
		if err == nil {
			err = firstError(a.Findings)
		}
		switch {
		case err != nil && offline:
			return err
		case err != nil:
			continue // the files and services of the configuration need not exist on this machine
		case a.Traits == nil:
			return errors.New("the answer to a check without errors has no makes_proof")
		}
		checked = append(checked, *a.Traits)
	}
	configured, findings, err := i.Configure(ctx, r.suite.Config)
	if err := errors.Join(err, firstError(findings)); err != nil {
		return err
	}
	problems := []error{wellFormed(configured)}
	if configured.MakesProof && r.manifest.Kind != contract.KindProver {
		problems = append(problems, fmt.Errorf("a %s makes no proof", r.manifest.Kind))
	}
	for _, before := range checked {
		problems = append(problems, wellFormed(before), unchanged(before, configured))
	}
	return errors.Join(problems...)
}

// wellFormed reports a fact with a malformed name or an empty value.
func wellFormed(t contract.Traits) error {
	for name, value := range t.Provides {
		if !factForm.MatchString(name) || value == "" {
			return fmt.Errorf("it provides %q = %q: names are words of lower-case letters, digits and _ joined by dots, values are not empty", name, value)
		}
	}
	for name, values := range t.Requires {
		if !factForm.MatchString(name) || len(values) == 0 || slices.Contains(values, "") {
			return fmt.Errorf("it requires %q in %q: names are words of lower-case letters, digits and _ joined by dots, values are not empty", name, values)
		}
	}
	return nil
}

// unchanged reports a trait that a check gave and that is different or absent now.
func unchanged(before, now contract.Traits) error {
	if before.MakesProof != now.MakesProof {
		return fmt.Errorf("makes_proof is %t for a check and %t when configured", before.MakesProof, now.MakesProof)
	}
	for _, name := range slices.Sorted(maps.Keys(before.Provides)) {
		if now.Provides[name] != before.Provides[name] {
			return fmt.Errorf("%q is %q for a check and %q when configured", name, before.Provides[name], now.Provides[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before.Requires)) {
		if !slices.Equal(now.Requires[name], before.Requires[name]) {
			return fmt.Errorf("it requires %q in %q for a check and in %q when configured", name, before.Requires[name], now.Requires[name])
		}
	}
	return nil
}
