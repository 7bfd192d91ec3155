using System;
using System.Collections.Generic;
using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

/// <summary>Whom the certificate of a validated token names. What it does not state is null.</summary>
public sealed class CardHolder
{
    public string? Identifier { get; } // the whole CN: with the CA group it is the key of an account
    public string? Surname { get; }
    public string? GivenName { get; }
    public string? Profession { get; }
    public string? Structure { get; }
    public string? StructureId { get; }
    public string? Pseudonym { get; } // of a card that names nobody

    public CardHolder(X509Certificate2 certificate)
    {
        var subject = new Dictionary<string, string>();
        var rdns = new AsnReader(certificate.SubjectName.RawData, AsnEncodingRules.BER).ReadSequence();
        while (rdns.HasData)
        {
            var rdn = rdns.ReadSetOf(skipSortOrderValidation: true);
            while (rdn.HasData) // all attributes: a person's RDN has three
            {
                var attribute = rdn.ReadSequence();
                var oid = attribute.ReadObjectIdentifier();
                var tag = attribute.PeekTag();
                if (tag.TagClass == TagClass.Universal && IsText((UniversalTagNumber)tag.TagValue))
                {
                    subject.TryAdd(oid, attribute.ReadCharacterString((UniversalTagNumber)tag.TagValue));
                }
            }
        }
        Identifier = subject.GetValueOrDefault("2.5.4.3");
        Surname = subject.GetValueOrDefault("2.5.4.4");
        GivenName = subject.GetValueOrDefault("2.5.4.42");
        Profession = subject.GetValueOrDefault("2.5.4.12");
        Structure = subject.GetValueOrDefault("2.5.4.10");
        StructureId = subject.GetValueOrDefault("2.5.4.11");
        Pseudonym = subject.GetValueOrDefault("2.5.4.65");
    }

    private static bool IsText(UniversalTagNumber tag) => tag is UniversalTagNumber.UTF8String
        or UniversalTagNumber.PrintableString or UniversalTagNumber.IA5String
        or UniversalTagNumber.NumericString or UniversalTagNumber.T61String or UniversalTagNumber.BMPString;
}
