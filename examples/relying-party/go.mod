module example.org/relying-party

go 1.26.0

require github.com/cpx-bridge/cpx-bridge v0.0.0

// Take this line and the one above out before the library is fetched by its version:
// go get github.com/cpx-bridge/cpx-bridge@v0.1.0
replace github.com/cpx-bridge/cpx-bridge => ../..
