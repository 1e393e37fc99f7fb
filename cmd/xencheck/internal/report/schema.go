package report

import (
	_ "embed"
	"fmt"

	"github.com/xencheck/xencheck/probe/facts"
)

// schemaDefs holds the definitions that the schemas share, written by hand.
//
//go:embed schema_defs.json
var schemaDefs string

// SchemaNames lists what [JSONSchema] knows.
func SchemaNames() []string {
	return []string{"report", "facts", "comparison", "domains", "fleet", "gate", "error"}
}

// JSONSchema returns the JSON Schema (draft 2020-12) of one of [SchemaNames].
// It is complete in itself. It describes what this version writes; reading is
// more lenient and passes over fields it does not know.
func JSONSchema(name string) []byte {
	version := Schema
	if name == "facts" {
		version = facts.Schema
	}
	return fmt.Appendf(nil, `{
"$schema": "https://json-schema.org/draft/2020-12/schema",
"$id": "https://github.com/xencheck/xencheck/schema/%s-%d.json",
"title": "xencheck %s, schema %d",
"$ref": "#/$defs/%s",
"$defs": %s}
`, name, version, name, version, name, schemaDefs)
}
