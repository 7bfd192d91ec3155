// Package jsonschema says whether JSON is as its schema has it, by a library that is not
// ours. It is for tests only. Its functions may be called concurrently.
package jsonschema

import (
	"bytes"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Check returns what is wrong with a document, or with the schema.
func Check(schema, document []byte) error {
	s, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return fmt.Errorf("the schema is no JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", s); err != nil {
		return err
	}
	compiled, err := c.Compile("schema.json") // which compares it with its metaschema
	if err != nil {
		return err
	}
	d, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return compiled.Validate(d)
}
