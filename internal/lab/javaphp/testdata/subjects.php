<?php

declare(strict_types=1);

// Reads a certificate in base64 in each line, and writes what card_holder reads: seven fields in
// base64, "-" for none.
require $argv[1];

while (($line = fgets(STDIN)) !== false) {
    $fields = array_map(
        fn (?string $field): string => $field === null ? '-' : base64_encode($field),
        array_values(card_holder(trim($line))),
    );
    echo implode(',', $fields), "\n";
}
