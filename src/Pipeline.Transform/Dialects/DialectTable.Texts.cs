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
        Of("sha2(t, bits)", "sha256(t)", null, ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), (null, null)) with { IsOurs = false, Example = "sha2(t, 256)" },
        Of("encode(t)", null, "CAST(t AS BINARY)", ("é", "C3A9"), (null, null)) with { IsOurs = false, Example = "hex(encode(t))" },
        Of("starts_with(t, start)", null, "startswith(t, start)", [Row("true", "abc", "ab"), Row("false", "abc", "b"), Row("true", "abc", "")]) with { IsOurs = false },
        // In UTF-8.
        Of("byte_length(t)", "strlen(t)", "octet_length(t)", ("é😀", "6"), ("", "0"), (null, null)),
        // One row for each item of a list separated by commas.
        Of("list_rows(t)", "unnest(string_split(t, ','))", "explode(split(t, ','))"),
    ];
}
