package doctor

import _ "embed"

//go:embed doctor.schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of a report as JSON.
func Schema() []byte { return schema }
