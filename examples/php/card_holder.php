<?php

declare(strict_types=1);

/**
 * Whom the certificate of a validated token names: identifier (the whole CN: with the CA group it is
 * the key of an account), surname, givenName, profession, structure, structureId, and the pseudonym of
 * a card that names nobody. What the certificate does not state is null.
 *
 * @param string $certificate the token's unverifiedCertificate, after validate() has accepted that token
 * @return array<string, ?string>
 */
function card_holder(string $certificate): array
{
    $pem = "-----BEGIN CERTIFICATE-----\n" . chunk_split($certificate, 64, "\n") . "-----END CERTIFICATE-----\n";
    $parsed = openssl_x509_parse($pem);
    if ($parsed === false) {
        throw new UnexpectedValueException('the certificate cannot be read');
    }
    // OpenSSL goes through all attributes of all RDNs. One that is there twice is an array.
    $first = fn (string $name): ?string => is_array($parsed['subject'][$name] ?? null)
        ? $parsed['subject'][$name][0] : $parsed['subject'][$name] ?? null;
    return [
        'identifier' => $first('CN'),
        'surname' => $first('SN'),
        'givenName' => $first('GN'),
        'profession' => $first('title'),
        'structure' => $first('O'),
        'structureId' => $first('OU'),
        'pseudonym' => $first('pseudonym'),
    ];
}
