package browsers

import "strings"

// madeKey records the keys that we made, as the names of its values: no other key of the
// browsers' policies is ever removed.
const madeKey = recordKey + `\Made`

// policiesKey is above every browser's policies, and is the system's.
const policiesKey = `SOFTWARE\Policies`

// recordMade records the keys that writing to key will make, before they are made.
func recordMade(h hive, key string) error {
	for ; key != policiesKey; key = above(key) {
		if there, err := h.exists(key); there || err != nil {
			return err // those above it are there, too
		}
		if err := h.set(madeKey, key, "1"); err != nil {
			return err
		}
	}
	return nil
}

// dropMade removes key and those above it, as far as we made them and they are empty.
func dropMade(h hive, key string) error {
	made, err := h.values(madeKey)
	if err != nil {
		return err
	}
	for ; key != policiesKey; key = above(key) {
		if _, ours := made[key]; ours {
			if err := h.drop(key); err != nil {
				return err
			}
		}
		if there, err := h.exists(key); there || err != nil {
			return err // of others, or not empty
		}
		if _, ours := made[key]; ours {
			if err := h.remove(madeKey, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropRecord removes the empty record of a key's entries. With the last record goes what
// is recorded of keys: those that are still there are in others' use.
func dropRecord(h hive, key string) error {
	if err := dropUp(h, recordKey+`\`+key, recordKey); err != nil {
		return err
	}
	if there, err := h.exists(recordKey + `\SOFTWARE`); there || err != nil {
		return err
	}
	made, err := h.values(madeKey)
	if err != nil {
		return err
	}
	if err := rewrite(h, madeKey, made, nil); err != nil {
		return err
	}
	return dropUp(h, madeKey, `SOFTWARE`)
}

// dropUp removes a key and the keys above it as far as they are empty, up to but
// without the key stays.
func dropUp(h hive, key, stays string) error {
	for ; len(key) > len(stays); key = above(key) {
		if err := h.drop(key); err != nil {
			return err
		}
	}
	return nil
}

func above(key string) string { return key[:strings.LastIndexByte(key, '\\')] }
