package attack

import "slices"

func all() []Attack {
	return slices.Concat(
		line01(), line02(), line03(), line04(), line05(), line06(), line07(),
		line08(), line09(), line10(), line11(), line12(), line13(), line14(),
		line15(), line16(), line17(), line18(), line19(), line20(), line21(),
		line22(), line22Never(), line23(), line24(), line25(), line26(), line27(), line28(),
	)
}
