package browsers

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// hive is what this package needs of the Windows registry: lists are keys whose
// values are named by numbers.
type hive interface {
	// values returns a key's values by name; "" is one that is no text.
	values(key string) (map[string]string, error)
	set(key, name, value string) error
	// number returns a value that is a number, in digits, or the text of one that is none.
	number(key, name string) (value string, exists bool, err error)
	setNumber(key, name string, value uint32) error
	remove(key, name string) error
	exists(key string) (bool, error)
	// drop removes a key that is empty.
	drop(key string) error
}

// recordKey records which entries are ours: below it, each list's key is repeated
// with our values.
const recordKey = `SOFTWARE\CPxBridge\BrowserPolicies`

var policyKeys = map[Browser]string{
	Chrome: `SOFTWARE\Policies\Google\Chrome`, Edge: `SOFTWARE\Policies\Microsoft\Edge`,
	Chromium: `SOFTWARE\Policies\Chromium`, Firefox: `SOFTWARE\Policies\Mozilla\Firefox`,
}

// registryLists are a browser's lists, named by their full keys.
func registryLists(r Request, b Browser, entries []entry) []list {
	if b == Firefox {
		return []list{{policyKeys[b] + `\` + strings.Join(firefoxList[1:], `\`), domains(entries)}}
	}
	out := lists(r, b, entries)
	for i := range out {
		out[i].policy = policyKeys[b] + `\` + out[i].policy
	}
	return out
}

func planRegistry(r Request, entries []entry) ([]Change, error) {
	h := openHive()
	var out []Change
	for _, b := range r.Browsers {
		for _, l := range registryLists(r, b, entries) {
			if r.OnlyShared {
				break
			}
			c := planKey(h, b, l)
			if c.Changed || c.Err != nil || len(l.values) > 0 {
				out = append(out, c)
			}
		}
		if r.Shared == SharedUnchanged {
			continue
		}
		for _, s := range sharedPolicies(b) {
			c := planValue(h, b, s, r.Shared == SharedSet)
			if c.Changed || c.Err != nil || r.Shared == SharedSet {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// planKey makes l's values our part of the list.
func planKey(h hive, b Browser, l list) Change {
	c := Change{Browser: b, Where: `HKLM\` + l.policy}
	now, err := h.values(l.policy)
	if err != nil {
		c.Err = err
		return c
	}
	recorded, err := h.values(recordKey + `\` + l.policy)
	if err != nil {
		c.Err = err
		return c
	}
	ours := slices.Collect(maps.Values(recorded))
	after := maps.Clone(now)
	if after == nil {
		after = map[string]string{}
	}
	var mine []string
	for name, value := range now {
		if slices.Contains(ours, value) && !slices.Contains(l.values, value) {
			delete(after, name)
		}
	}
	for _, v := range l.values {
		exists := slices.Contains(slices.Collect(maps.Values(now)), v)
		if !exists {
			after[free(after)] = v
		}
		if !exists || slices.Contains(ours, v) {
			mine = append(mine, v)
		}
	}
	if b == Firefox {
		beginWithOne(after)
	}
	slices.Sort(mine)
	slices.Sort(ours)
	c.Shared = len(after) > len(mine)
	c.Changed = !maps.Equal(now, after) || !slices.Equal(ours, mine)
	c.Text = keyText(after)
	c.apply = func() error { return applyKey(h, l.policy, now, after, recorded, mine) }
	return c
}

// free is the lowest unused number.
func free(values map[string]string) string {
	for n := 1; ; n++ {
		if _, used := values[strconv.Itoa(n)]; !used {
			return strconv.Itoa(n)
		}
	}
}

// beginWithOne names one value 1, without which Firefox does not accept the list:
// the last one is renamed. What is no text is left alone.
func beginWithOne(values map[string]string) {
	if _, exists := values["1"]; exists {
		return
	}
	names := slices.DeleteFunc(numbers(values), func(n int) bool { return values[strconv.Itoa(n)] == "" })
	if len(names) == 0 {
		return
	}
	last := strconv.Itoa(names[len(names)-1])
	values["1"] = values[last]
	delete(values, last)
}

func numbers(values map[string]string) []int {
	var list []int
	for name := range values {
		if n, err := strconv.Atoi(name); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

func keyText(values map[string]string) string {
	var b strings.Builder
	for _, n := range numbers(values) {
		fmt.Fprintf(&b, "%d = %s\n", n, values[strconv.Itoa(n)])
	}
	return b.String()
}

// applyKey writes the record first: it may name entries that do not exist yet, but
// never misses one that does.
func applyKey(h hive, key string, now, after, recorded map[string]string, mine []string) error {
	record := map[string]string{}
	for i, v := range mine {
		record[strconv.Itoa(i+1)] = v
	}
	if len(mine) > 0 {
		if err := rewrite(h, recordKey+`\`+key, recorded, record); err != nil {
			return err
		}
		if err := recordMade(h, key); err != nil {
			return err
		}
	}
	if err := rewrite(h, key, now, after); err != nil {
		return err
	}
	if err := dropMade(h, key); err != nil {
		return err
	}
	if len(mine) > 0 {
		return nil
	}
	if err := rewrite(h, recordKey+`\`+key, recorded, nil); err != nil {
		return err
	}
	return dropRecord(h, key)
}

func rewrite(h hive, key string, now, after map[string]string) error {
	for name, value := range after {
		if old, exists := now[name]; !exists || old != value {
			if err := h.set(key, name, value); err != nil {
				return err
			}
		}
	}
	for name := range now {
		if _, stays := after[name]; !stays {
			if err := h.remove(key, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// PolicyList is the list of portals in a browser's policies in Windows's registry: its key
// below HKEY_LOCAL_MACHINE, and what stands in it for the origins.
func PolicyList(b Browser, origins []string) (key string, values []string, err error) {
	entries, err := parseEntries(origins)
	if err != nil {
		return "", nil, err
	}
	l := registryLists(Request{}, b, entries)[0]
	return l.policy, l.values, nil
}
