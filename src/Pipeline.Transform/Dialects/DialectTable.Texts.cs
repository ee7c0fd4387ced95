namespace Pipeline.Transform.Dialects;

public static partial class DialectTable
{
    private static SqlFunction[] Texts =>
    [
        // Whether a change-capture row carries a column, by its list of those that it does; null means all.
        Same("carries(changed, name)", "(changed IS NULL OR contains(',' || changed || ',', ',' || name || ','))") with
        {
            Rows = [Row("true", null, "a"), Row("true", "a,b", "b"), Row("false", "ab", "a"), Row("false", "", "a")],
        },
        Of("regexp_like(t, pattern)", "regexp_matches(t, pattern)", null, ("abc", "true"), ("b", "false"), ("a\n", "false"), (null, null)) with { IsOurs = false, Example = @"regexp_like(t, '^a[a-z]*\z')" },
        // All matches; groups are \1.
        Of("regexp_replace(t, pattern, replacement)", "regexp_replace(t, pattern, replacement, 'g')", null, ("a1b2", "1a2b"), ("x", "x"), (null, null))
            with { IsOurs = false, Example = @"regexp_replace(t, '([a-z])([0-9])', '\2\1')" },
        // Blanks alone: without a second argument DuckDB takes all that Unicode calls a space.
        .. ((string[])["trim", "ltrim", "rtrim"]).Select(name => Of($"{name}(t)", $"{name}(t, ' ')", null, name switch
        {
            "trim" => [("  a\u00a0 ", "a\u00a0"), ("\ta", "\ta"), (null, null)],
            "ltrim" => [("  a ", "a "), ("\u00a0a", "\u00a0a")],
            _ => ((string?, string?)[])[("  a ", "  a"), ("a\u00a0", "a\u00a0")],
        }) with { IsOurs = false }),
        // White space at both ends: of trim each engine has its own idea.
        Of("trim_space(t)", @"regexp_replace(t, '^[ \t\n\r]+|[ \t\n\r]+\z', '', 'g')", @"regexp_replace(t, '^[ \t\n\r]+|[ \t\n\r]+\z', '')", (" a b \n", "a b"), ("\t", ""), (null, null)),
        Same("lower_ascii(t)", "translate(t, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')", ("ÄBc", "Äbc"), (null, null)),
        Same("upper_ascii(t)", "translate(t, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')", ("äbC", "äBC"), (null, null)),
        // RFC 2104 with SHA-256, of the key's two padded blocks in hexadecimal digits. The example is case 2 of RFC 4231.
        Of("hmac(t, inner, outer)", "sha256(unhex(outer) || unhex(sha256(unhex(inner) || encode(t))))", "sha2(concat(unhex(outer), unhex(sha2(concat(unhex(inner), encode(t, 'UTF-8')), 256))), 256)",
            [
                Row("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "what do ya want for nothing?", "7c535053" + Repeated("36"), "16393a39" + Repeated("5c")),
                Row(null, null, "7c535053" + Repeated("36"), "16393a39" + Repeated("5c")),
            ]),
        // What was received of a row, for whoever has the key of masks; what is sealed already stays as it is.
        Of("seal(t)", "seal_row(t)", "CASE WHEN t LIKE 'sealed:%' THEN t ELSE concat('sealed:spark:', base64(aes_encrypt(encode(t, 'UTF-8'), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'))) END"),
        Of("unseal(t)", "open_row(t)", "CASE WHEN t LIKE 'sealed:%' THEN decode(aes_decrypt(unbase64(split_part(t, ':', 3)), (SELECT unhex(_mask_rows) FROM mask_key), 'GCM'), 'UTF-8') ELSE t END"),
        Of("sha2(t, bits)", "sha256(t)", null, ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), (null, null)) with { IsOurs = false, Example = "sha2(t, 256)" },
        Of("encode(t)", null, "CAST(t AS BINARY)", ("é", "C3A9"), (null, null)) with { IsOurs = false, Example = "hex(encode(t))" },
        Of("starts_with(t, start)", null, "startswith(t, start)", [Row("true", "abc", "ab"), Row("false", "abc", "b"), Row("true", "abc", "")]) with { IsOurs = false },
        // In UTF-8.
        Of("byte_length(t)", "strlen(t)", "octet_length(t)", ("é😀", "6"), ("", "0"), (null, null)),
        // One row for each item of a list separated by commas.
        Of("list_rows(t)", "unnest(string_split(t, ','))", "explode(split(t, ','))"),
    ];

    /// <summary>The rest of a block of 64 bytes behind a key of four.</summary>
    private static string Repeated(string digits) => string.Concat(Enumerable.Repeat(digits, 60));
}
