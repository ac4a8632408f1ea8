package monitor

import (
	"reflect"
	"strings"
	"time"
)

// openAPI returns the OpenAPI 3.1 description (spec.openapis.org/oas/v3.1.1) of the routes.
// The schemas are made from the types of the responses, so that they cannot differ.
func openAPI(routes []route) map[string]any {
	schemas := schemas{}
	paths := map[string]any{}
	for _, r := range routes {
		params := []any{}
		for _, p := range r.params {
			kind := map[string]any{"type": "string"}
			if p.number {
				kind = map[string]any{"type": "integer", "minimum": 0}
			}
			in, required := "query", false
			if strings.Contains(r.path, "{"+p.name+"}") {
				in, required = "path", true
			}
			params = append(params, map[string]any{"name": p.name, "in": in, "required": required, "description": p.meaning, "schema": kind})
		}
		media, schema := "application/json", map[string]any{"type": "string"}
		if r.kind != "" {
			media = r.kind
		} else {
			schema = schemas.schemaOf(reflect.TypeOf(r.answer))
		}
		failure := func(why string) map[string]any {
			return map[string]any{"description": why, "content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"type": "object"}}}}
		}
		answers := map[string]any{
			"200": map[string]any{"description": "the answer", "content": map[string]any{media: map[string]any{"schema": schema}}},
			"503": failure("it cannot be answered now, or the health is not good"),
		}
		if len(r.params) > 0 {
			answers["400"] = failure("what was asked cannot be understood")
			answers["404"] = failure("it is not there")
		}
		paths[r.path] = map[string]any{"get": map[string]any{"summary": r.summary, "operationId": operationID(r.path), "parameters": params, "responses": answers}}
	}
	return map[string]any{
		"openapi": "3.1.1",
		"info":    map[string]any{"title": "proofline monitor", "version": "1", "description": "Read-only. Fields are added, never renamed."},
		"paths":   paths,
		"components": map[string]any{
			"schemas":         map[string]any(schemas),
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}},
		},
		"security": []any{map[string]any{}, map[string]any{"token": []any{}}},
	}
}

// operationID returns a name for the operation of a path.
func operationID(path string) string {
	return strings.Trim(strings.NewReplacer("/api/v1/", "", "/", "_", "{", "", "}", "", ".", "_").Replace(path), "_")
}

// schemas holds the JSON Schemas of named types.
type schemas map[string]any

// schemaOf returns the schema of the JSON that encoding/json makes of a type.
func (s schemas) schemaOf(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()):
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{s.schemaOf(t.Elem()), map[string]any{"type": "null"}}}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": []any{"array", "null"}, "items": s.schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": []any{"object", "null"}, "additionalProperties": s.schemaOf(t.Elem())}
	case reflect.Struct:
		if t.Name() == "" {
			return s.fields(t)
		}
		name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
		if at := t.PkgPath(); at != "" {
			name = at[strings.LastIndexByte(at, '/')+1:] + "." + name
		}
		if _, known := s[name]; !known {
			s[name] = nil // ends the recursion if the type contains itself
			s[name] = s.fields(t)
		}
		return map[string]any{"$ref": "#/components/schemas/" + name}
	}
	return map[string]any{} // anything
}

// fields returns the schema of a struct.
func (s schemas) fields(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []any{}
	s.add(t, properties, &required)
	schema := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// add adds the fields of a struct to properties, those of embedded structs included.
func (s schemas) add(t reflect.Type, properties map[string]any, required *[]any) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.add(f.Type, properties, required)
		case !f.IsExported() || name == "-":
		default:
			if name == "" {
				name = f.Name
			}
			properties[name] = s.schemaOf(f.Type)
			if !strings.Contains(options, "omit") {
				*required = append(*required, name)
			}
		}
	}
}
