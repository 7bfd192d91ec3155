package prompt

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// FuzzWindowAnswer: whatever the window's process answers, it counts only where a reader
// of exact names sees in it what one of the buttons gives.
func FuzzWindowAnswer(f *testing.F) {
	requests := []dialog.Request{
		{Buttons: []dialog.Button{{Answer: dialog.Cancel, Default: true}, {Answer: dialog.OK}}},
		{Buttons: []dialog.Button{{Answer: dialog.Cancel}}},
		{Buttons: []dialog.Button{{Answer: dialog.Copy}, {Answer: dialog.OK, Default: true}}},
		{Passes: true},
		{Buttons: []dialog.Button{{Answer: dialog.Cancel}, {Answer: dialog.Never}, {Answer: dialog.OK}}},
		{},
		{Buttons: []dialog.Button{{Answer: dialog.Cancel}, {Answer: dialog.OK, Default: true}}, Entry: &dialog.Entry{}},
		{Buttons: []dialog.Button{{Answer: dialog.OK}}, Rows: make([]dialog.Row, 3)},
	}
	f.Fuzz(func(t *testing.T, which uint8, line []byte) {
		r := requests[int(which)%len(requests)]
		got, err := readAnswer(line)
		if err != nil && got != (dialog.Answer{}) {
			t.Errorf("%+v, %v", got, err)
		}
		if err == nil {
			err = fits(r, got)
		}
		if err != nil {
			if len(err.Error()) > 500 {
				t.Errorf("%v", err)
			}
			return
		}
		members, err := strictjson.Object(line)
		var answer string
		var row, length, id int
		_, _ = json.Unmarshal(members["answer"], &answer), json.Unmarshal(members["row"], &row)
		_, _ = json.Unmarshal(members["length"], &length), json.Unmarshal(members["id"], &id)
		if err != nil || got != (dialog.Answer{ID: id, Answer: answer, Row: row, Length: length}) {
			t.Errorf("%q is taken as %+v", line, got)
		}
		byButton := slices.ContainsFunc(r.Buttons, func(b dialog.Button) bool { return b.Answer == answer }) || r.Passes && answer == dialog.OK
		if answer != dialog.Cancel && (!byButton || answer == dialog.Copy) {
			t.Errorf("%q answers %+v", line, r)
		}
		if length < 0 || length > dialog.Longest || (length > 0) != (r.Entry != nil && answer == dialog.OK) || len(r.Rows) > 0 && answer == dialog.OK && (row < 0 || row >= len(r.Rows)) {
			t.Errorf("%q answers %+v", line, r)
		}
	})
}
