package bench

// Rows are what `make bench` measures. The targets are those that the project was asked to
// reach.
var Rows = []Row{
	{Name: "verify-rsa", What: "tokens verified on a core, RSA-2048", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=RSA-2048",
		Ours: "verifier-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 0.95},
	{Name: "verify-p256", What: "tokens verified on a core, P-256", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=P-256",
		Ours: "verifier-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 0.95},
	{Name: "verify-p384", What: "tokens verified on a core, P-384", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=P-384",
		Ours: "verifier-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 0.95},
	{Name: "remembered-rsa", What: "the same with issuers remembered, RSA-2048", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=RSA-2048",
		Ours: "remembering-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 1.3},
	{Name: "remembered-p256", What: "the same with issuers remembered, P-256", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=P-256",
		Ours: "remembering-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 1.3},
	{Name: "remembered-p384", What: "the same with issuers remembered, P-384", Package: "./internal/lab/verifybench", Benchmark: "BenchmarkVerify/key=P-384",
		Ours: "remembering-tokens/s", Beside: "floor-tokens/s", BesideWhat: "the same signatures checked and nothing else", Ratio: true, Runs: 1, AtLeast: 1.3},
}

// Curves are what is drawn.
var Curves []Curve
