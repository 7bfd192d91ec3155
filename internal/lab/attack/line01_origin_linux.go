package attack

func line01() []Attack { return nil }
