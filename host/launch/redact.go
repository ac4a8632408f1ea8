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

// redacting is a connection to a plugin whose secrets are hidden in every text that
// the plugin answers for people: in errors, facts, notes, progress, health and findings.
// What the host decides by stays as it is, because a secret may be a part of it by
// chance: what decides names, the names and paths of artifacts, the classes of errors,
// and the plugin's own bytes, its cursor and its resume token.
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

type redactingStream struct {
	grpc.ClientStream
	of redacting
}

// RecvMsg implements grpc.ClientStream.
func (s redactingStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if message, ok := m.(proto.Message); ok && err == nil {
		s.of.message(message.ProtoReflect())
	}
	return s.of.error(err)
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

// decides are the messages and fields that the host compares, stores work under, or
// finds things by. It shows none of them where a secret must not stand but the name of
// an endpoint, which the protocol wants without secrets.
var decides = map[protoreflect.FullName]bool{
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

// protocolWords are the texts that have a meaning in the protocol wherever they stand alone.
var protocolWords = []string{
	contract.PhaseAccepted, contract.PhaseCollecting, contract.OutcomeAccepted, contract.OutcomeAcceptedBefore, contract.OutcomeDryRun,
	contract.OutcomeSkipped, contract.OutcomeSuperseded, contract.OutcomeProvedElsewhere,
}

// text hides secrets in a text. A number stays one, unless it is a secret as a whole.
func (c redacting) text(v protoreflect.Value) protoreflect.Value {
	text := v.String()
	clean := c.redactor.Text(text)
	if _, err := strconv.ParseUint(text, 10, 64); slices.Contains(protocolWords, text) || err == nil && clean != redact.Hidden {
		return v
	}
	return protoreflect.ValueOfString(clean)
}

// message hides secrets in the texts of a message and of those inside.
func (c redacting) message(m protoreflect.Message) {
	if decides[m.Descriptor().FullName()] {
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case decides[field.FullName()]:
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

// secrets are those of the configuration and of the variables that the stage asks for,
// with the parts of them that are secrets by themselves.
func (s Spec) secrets() []string {
	return redact.Parts(append(secretVariables(os.Environ(), s.Env), s.Secrets...)...)
}

// secretWords mark the variables whose values are secrets.
var secretWords = []string{"KEY", "TOKEN", "SECRET", "PASS", "AUTH", "CREDENTIAL"}

// secretVariables lists the values of those variables of an environment that a stage
// asks for and whose names say that they are secrets.
func secretVariables(host, asked []string) (values []string) {
	for _, entry := range host {
		name, value, _ := strings.Cut(entry, "=")
		isSecret := slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(strings.ToUpper(name), word) })
		if isSecret && slices.ContainsFunc(asked, func(pattern string) bool { return matches(pattern, name) }) {
			values = append(values, value)
		}
	}
	return values
}
