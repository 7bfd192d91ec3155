package attack

func line28() []Attack { return nil }
