package attack

func line06() []Attack { return nil }
