package virtual

// OpenSCConfiguration makes OpenSC know a contactless CPS3, for a file that OPENSC_CONF
// names. Its own table has another first byte of that answer to reset (2B for 3B, in
// 0.23 and in 0.26), so that it takes the card for a foreign one.
const OpenSCConfiguration = `app default {
	card_atr 3b:8f:80:01:00:31:b8:64:04:b0:ec:c1:73:94:01:80:82:90:00:0e {
		name = "CPS3, contactless";
		driver = "iasecc";
		type = 25008;
	}
}
`
