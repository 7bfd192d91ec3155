module example.org/relying-party

go 1.26.0

require github.com/cpx-bridge/cpx-bridge v0.0.0

// Leave this line out once the library is fetched by its version.
replace github.com/cpx-bridge/cpx-bridge => ../..
