package language

import "time"

// Date formats a day in local time, as people write it in lang.
func Date(t time.Time, lang string) string {
	if lang == English {
		return t.Local().Format("2 January 2006")
	}
	return t.Local().Format("02/01/2006")
}

// DateTime formats a day and its time to the minute, as Date does.
func DateTime(t time.Time, lang string) string {
	if lang == English {
		return t.Local().Format("2 January 2006, 15:04")
	}
	return t.Local().Format("02/01/2006 à 15\u00a0h\u00a004")
}
