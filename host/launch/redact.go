package launch

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/wire"
)

// redacting is a connection to a plugin that hides the stage's secrets in all texts for
// people: errors, facts, notes, progress, health and findings. Values that the host
// itself works with stay unchanged, because they may contain a secret by chance: the
// fields in verbatim, names and paths of artifacts, classes of errors, cursors and
// resume tokens.
type redacting struct {
	grpc.ClientConnInterface
	redactor *redact.Redactor
}

// Invoke implements grpc.ClientConnInterface.
func (c redacting) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if message, ok := reply.(proto.Message); ok && err == nil {
		c.message(message.ProtoReflect())
	}
	return c.error(err)
}

// NewStream implements grpc.ClientConnInterface.
func (c redacting) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil {
		return nil, c.error(err)
	}
	return redactingStream{stream, c}, nil
}

// redactingStream is a stream of a redacting connection.
type redactingStream struct {
	grpc.ClientStream
	conn redacting
}

// RecvMsg implements grpc.ClientStream.
func (s redactingStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if message, ok := m.(proto.Message); ok && err == nil {
		s.conn.message(message.ProtoReflect())
	}
	return s.conn.error(err)
}

// error hides secrets in the message of a status and in the remedy that it carries.
func (c redacting) error(err error) error {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	message := c.redactor.Text(s.Message())
	changed := message != s.Message()
	var details []protoadapt.MessageV1
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			if remedy, ok := info.GetMetadata()[wire.MetadataRemedy]; ok {
				info.Metadata[wire.MetadataRemedy] = c.redactor.Text(remedy)
				changed = changed || info.Metadata[wire.MetadataRemedy] != remedy
			}
		}
		if detail, ok := detail.(protoadapt.MessageV1); ok {
			details = append(details, detail)
		}
	}
	if !changed {
		return err
	}
	clean, err := status.New(s.Code(), message).WithDetails(details...)
	if err != nil {
		clean = status.New(s.Code(), message)
	}
	return clean.Err()
}

// verbatim are the messages and fields that the host compares or uses as keys. The host
// does not show them where a secret must not appear, except for the name of an
// endpoint, which must not contain secrets by the protocol.
var verbatim = map[protoreflect.FullName]bool{
	"proofline.plugin.v1.Artifact": true,

	"proofline.plugin.v1.DescribeResponse.name":         true,
	"proofline.plugin.v1.DescribeResponse.version":      true,
	"proofline.plugin.v1.DescribeResponse.capabilities": true,
	"proofline.plugin.v1.DescribeResponse.events":       true,
	"proofline.plugin.v1.CheckResponse.provides":        true,
	"proofline.plugin.v1.CheckResponse.requires":        true,
	"proofline.plugin.v1.ConfigureResponse.provides":    true,
	"proofline.plugin.v1.ConfigureResponse.requires":    true,
	"proofline.plugin.v1.Endpoint.name":                 true,
	"proofline.plugin.v1.Finding.pointer":               true,
}

// protocolTexts are values with a meaning in the protocol. They stay unchanged in every
// field.
var protocolTexts = []string{
	contract.PhaseAccepted, contract.PhaseCollecting, contract.OutcomeAccepted, contract.OutcomeAcceptedBefore, contract.OutcomeDryRun,
	contract.OutcomeSkipped, contract.OutcomeSuperseded, contract.OutcomeProvedElsewhere,
}

// text hides secrets in a text. A number stays unchanged unless the whole number is a
// secret.
func (c redacting) text(v protoreflect.Value) protoreflect.Value {
	text := v.String()
	clean := c.redactor.Text(text)
	if _, err := strconv.ParseUint(text, 10, 64); slices.Contains(protocolTexts, text) || err == nil && clean != redact.Hidden {
		return v
	}
	return protoreflect.ValueOfString(clean)
}

// message hides secrets in the texts of a message and of the messages in it.
func (c redacting) message(m protoreflect.Message) {
	if verbatim[m.Descriptor().FullName()] {
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case verbatim[field.FullName()]:
		case field.IsMap():
			if field.MapValue().Kind() == protoreflect.StringKind {
				value.Map().Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
					value.Map().Set(key, c.text(v))
					return true
				})
			} else if field.MapValue().Message() != nil {
				value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					c.message(v.Message())
					return true
				})
			}
		case field.IsList():
			for i := range value.List().Len() {
				switch {
				case field.Kind() == protoreflect.StringKind:
					value.List().Set(i, c.text(value.List().Get(i)))
				case field.Message() != nil:
					c.message(value.List().Get(i).Message())
				}
			}
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, c.text(value))
		case field.Message() != nil:
			c.message(value.Message())
		}
		return true
	})
}

// secrets returns the secrets of the configuration and of the variables in s.Env, with
// those parts of them that are secrets, too.
func (s Spec) secrets() []string {
	return redact.Parts(append(secretVariables(os.Environ(), s.Env), s.Secrets...)...)
}

// secretMarkers are parts of the names of variables whose values are secrets.
var secretMarkers = []string{"KEY", "TOKEN", "SECRET", "PASS", "AUTH", "CREDENTIAL"}

// secretVariables returns the values of those variables of an environment that fit the
// patterns and whose names contain one of secretMarkers.
func secretVariables(host, patterns []string) (values []string) {
	for _, entry := range host {
		name, value, _ := strings.Cut(entry, "=")
		isSecret := slices.ContainsFunc(secretMarkers, func(marker string) bool { return strings.Contains(strings.ToUpper(name), marker) })
		if isSecret && slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) }) {
			values = append(values, value)
		}
	}
	return values
}
