// Package schema reads a stage's config block into a Go struct.
//
// The struct is the only description of the block. From it the package derives the JSON
// Schema (2020-12) that editors and the host use, the defaults, and a strict decoder that
// reports every finding at once, each with an RFC 6901 pointer and a remedy.
//
//	type Config struct {
//		ELF     string          `json:"elf" doc:"Guest program." required:"true" format:"file"`
//		Workers int             `json:"workers" doc:"Parallel proofs." default:"1" min:"1" max:"16"`
//		Format  string          `json:"format" doc:"Input format." default:"g4" enum:"g4,g8"`
//		Grace   schema.Duration `json:"grace" doc:"Time to stop." default:"5s" min:"1s"`
//		Token   schema.Secret   `json:"token" doc:"Access token."`
//	}
//
// # Types
//
// bool, integers, floats, string, Secret, Duration, structs, pointers, slices,
// maps with string keys, any, json.RawMessage, and every type that implements
// encoding.TextUnmarshaler or json.Unmarshaler. Embedded structs without a json
// tag are flattened. A field without a json tag has its Go name; json:"-" leaves
// it out.
//
// # Tags
//
//   - doc: the description, one sentence.
//   - required:"true": the field must be set.
//   - default: the value of a field that is not set, in text form; for slices separated by
//     commas.
//   - min, max: bounds of a number or Duration, of the length of a string in characters,
//     or of the number of elements of a slice or map. Both are inclusive.
//   - enum: the allowed values of a string or of a slice's elements, separated by commas.
//   - format: "url" (absolute http, https, ws or wss URL, checked while decoding),
//     "file" or "dir" (checked by CheckPaths, because only the machine decides whether
//     the file exists).
//
// # Values from variables
//
// A value such as "${WORKERS:-4}" arrives as a string after replacement.
// Therefore bool, integer and float fields also accept their exact text form
// ("true", "300", "0.5"). For the same reason an empty string counts as not set,
// whatever the type: an optional field with an absent variable gets its default, and
// a required one is reported as not set. Null counts as not set, too.
package schema
