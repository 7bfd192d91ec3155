package browsers

import "fmt"

// digit is the policy's value as the registry has it.
func (s flag) digit() uint32 {
	if s.value {
		return 1
	}
	return 0
}

// planValue sets or removes a policy that is a number in the browser's key. One that
// others set is not ours, and another value than ours is an error.
func planValue(h hive, b Browser, s flag, set bool) Change {
	key, name, wanted := policyKeys[b], s.name(), fmt.Sprint(s.digit())
	c := Change{Browser: b, Where: `HKLM\` + key + `\` + name}
	now, exists, err := h.number(key, name)
	if err != nil {
		c.Err = err
		return c
	}
	recorded, err := h.values(recordKey + `\` + key)
	if err != nil {
		c.Err = err
		return c
	}
	mark, known := recorded[name]
	mine := known && exists && now == mark // changed by others since, it is theirs
	switch {
	case set && exists && now != wanted:
		c = conflict(b, c.Where, s, now)
		c.Err.(*ConflictError).Wanted = wanted
	case set:
		c.Text, c.Shared, c.Changed = valueText(s), !mine && exists, !exists
		c.apply = func() error { // the record first, as in applyKey
			if err := h.set(recordKey+`\`+key, name, wanted); err != nil {
				return err
			}
			if err := recordMade(h, key); err != nil {
				return err
			}
			return h.setNumber(key, name, s.digit())
		}
	default:
		c.Changed = known
		c.apply = func() error {
			if mine {
				if err := h.remove(key, name); err != nil {
					return err
				}
			}
			if err := dropMade(h, key); err != nil {
				return err
			}
			if err := h.remove(recordKey+`\`+key, name); err != nil {
				return err
			}
			return dropRecord(h, key)
		}
	}
	return c
}

func valueText(s flag) string { return fmt.Sprintf("%s = %d\n", s.name(), s.digit()) }
