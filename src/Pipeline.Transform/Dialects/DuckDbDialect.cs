using Apache.Arrow.Types;
using Pipeline.Core;
using DuckSql = Pipeline.DuckDb.Sql;

namespace Pipeline.Transform.Dialects;

internal sealed class DuckDbDialect : SqlDialect
{
    public override string Engine => "duckdb";

    internal override bool RepeatsExpressions => true;

    internal override bool IsTwoPart => true;

    public override string Name(string name) => DuckSql.Name(name);

    public override string Text(string value) => DuckSql.Text(value);

    public override string Type(IArrowType type) => DuckSql.Type(type);

    public override string Relation(TableId table) => $"{LayerOf(table)}.{table.Name}";

    public override string Table(TableId table) => $"{LayerOf(table)}.{Name(table.Name)}";

    public override string List(IEnumerable<string> items) => $"[{string.Join(", ", items)}]";

    public override string Item(string array, int index) => $"{array}[{index}]";

    public override string Each(string array, string item, string body) => $"list_transform({array}, lambda {item}: {body})";

    public override string Any(string array, string item, string condition) => $"len(list_filter({array}, lambda {item}: {condition})) > 0";

    public override string? JsonPrepared(string document) => null;

    // Only a document that holds a number which a double would change is written anew: that costs ten times what reading it does.
    public override string JsonTexts(string document, string? prepared, IEnumerable<JsonPath> paths)
    {
        var list = List(paths.Select(PathText));
        var exact = Each($"json_extract_string({Call("json_exact", document)}, {list})", "_text", Call("json_unmark", "_text"));
        return $"CASE WHEN {Call("is_json_object", document)} THEN CASE WHEN {Call("json_has_inexact", document)} THEN {exact} ELSE json_extract_string({document}, {list}) END END";
    }

    public override string PathText(JsonPath path) => Text(path.Write(name => $".\"{name}\""));

    public override string ToText(string expression, IArrowType type) => type switch
    {
        BinaryType => $"hex({expression})",
        // Without an integer digit a zero is left out.
        Decimal128Type d when d.Precision == d.Scale => $"regexp_replace(CAST({expression} AS VARCHAR), '^(-?)[.]', '\\10.')",
        ListType or MapType or StructType => Call("list_text", expression),
        _ => $"CAST({expression} AS VARCHAR)",
    };

    // The bytes that json_object gives, which keeps what it makes of wide rows in memory ten times over, of two thousand at once.
    public override string JsonObject(IEnumerable<(string Name, string Text)> members) =>
        $"concat('{{', {string.Join(", ',', ", members.Select(member => $"CAST(to_json({Text(member.Name)}) AS VARCHAR), ':', {JsonText(member.Text)}"))}, '}}')";

    /// <summary>Of texts that are not long, to_json is several times faster. Those of other types are not.</summary>
    private static string JsonText(string text)
    {
        var json = $"CAST(to_json({text}) AS VARCHAR)";
        return !text.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') ? $"COALESCE({json}, 'null')"
            // One pass over the text: what each function gives of two thousand rows is memory that DuckDB does not count.
            : $"CASE WHEN {text} IS NULL THEN 'null' WHEN strlen({text}) < 512 OR regexp_matches({text}, '[\\x00-\\x1f]') THEN {json} " + $"""ELSE concat('"', regexp_replace({text}, '(["\\])', '\\\1', 'g'), '"') END""";
    }

    public override string JsonMembers(string json, IReadOnlyCollection<string> names) =>
        $"json_extract_string({json}, {List(names.Select(name => Text($"$.\"{name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"")))})";

    internal override string? FormOf(SqlFunction function) => function.DuckDb;

    // A time without a zone is one in UTC.
    internal override string TypeWord(string word) => word.ToUpperInvariant() switch
    {
        "TIMESTAMP" => "TIMESTAMPTZ",
        _ => word,
    };

    internal override string TableName(string schema, string name) => $"{schema}.{Name(name)}";

    internal override string Once(string expression, Func<string, string> body, int depth) => body(expression);
}
